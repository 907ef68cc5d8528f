"""`python -m study.stop study.name=…`: ends a running study gracefully, from any terminal."""

from __future__ import annotations

from collections.abc import Sequence

from study.commandline import parse_pairs, run_command, say, usage
from study.errors import ConfigError

KEYS = {
    "study.name": "the study; required",
    "study.root": "folder that holds the studies (default: studies)",
    "debug": "true: print the traceback of an error",
}
PURPOSE = """End a running study as Ctrl+C does: its trials bring home their checkpoints, and resume=true continues it.
It works on the machine that runs the study, and waits until the study has ended."""


def main(arguments: Sequence[str]) -> None:
    """The command; see `--help`."""
    if {"-h", "--help"} & set(arguments):
        say(usage("study.stop", PURPOSE, KEYS))
        return
    given = parse_pairs(arguments, KEYS)
    if "study.name" not in given:
        raise ConfigError(["study.name: required and not given"])

    from study.records import StudyFolder
    from study.workflow.stopping import stop_study

    stop_study(StudyFolder.looked_at(given.get("study.root", "studies"), given["study.name"]), say)


if __name__ == "__main__":
    run_command(main)
