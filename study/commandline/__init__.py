"""Shared by all commands: grammar of arguments, composition of the configuration, help, progress, exit codes."""

from __future__ import annotations

from study.commandline.command import WHOLE, Command, DebugKey, Given, OtherKeys, OwnKeys, Settings
from study.commandline.configured import run_configured
from study.commandline.progress import Say, Show, say, shown
from study.commandline.running import run_command

__all__ = [
    "WHOLE",
    "Command",
    "DebugKey",
    "Given",
    "OtherKeys",
    "OwnKeys",
    "Say",
    "Settings",
    "Show",
    "run_command",
    "run_configured",
    "say",
    "shown",
]
