"""`python -m study.status study.name=…`: where a study stands, while it runs or after, from any terminal."""

from __future__ import annotations

from collections.abc import Sequence

from study.commandline import parse_pairs, run_command, say, usage
from study.errors import ConfigError

KEYS = {
    "study.name": "the study; required",
    "study.root": "folder that holds the studies (default: studies)",
    "json": "true: print it as JSON, whose fields docs/how-to/follow.md explains",
    "debug": "true: print the traceback of an error",
}
PURPOSE = """Tell where a study stands: its trials, the best one, the time left, why trials failed, who runs it.
It is read from the study's folder, in a second, while the study runs or after; nothing is changed."""


def main(arguments: Sequence[str]) -> None:
    """The command; see `--help`."""
    if {"-h", "--help"} & set(arguments):
        say(usage("study.status", PURPOSE, KEYS))
        return
    given = parse_pairs(arguments, KEYS)
    if "study.name" not in given:
        raise ConfigError(["study.name: required and not given"])
    if given.get("json", "true") not in ("true", "false"):
        raise ConfigError([f"json: must be true or false, got '{given['json']}'"])

    from study.records import StudyFolder
    from study.records.following import StatusReader
    from study.workflow.status_lines import status_lines

    folder = StudyFolder.looked_at(given.get("study.root", "studies"), given["study.name"])
    status = StatusReader(folder).read()
    as_json = given.get("json") == "true"
    say(status.model_dump_json(indent=2) if as_json else "\n".join(status_lines(status)))


if __name__ == "__main__":
    run_command(main)
