"""Shared by all commands: grammar of arguments, composition of the configuration, help, progress, exit codes."""

from __future__ import annotations

from study.commandline.arguments import parse_pairs, usage
from study.commandline.command import run_command
from study.commandline.configured import run_configured
from study.commandline.progress import Say, Show, say, shown

__all__ = ["Say", "Show", "parse_pairs", "run_command", "run_configured", "say", "shown", "usage"]
