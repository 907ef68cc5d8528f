"""Send to MLflow what it lacks of a study: after a failure, to another server, as often as you like."""

from __future__ import annotations

from collections.abc import Sequence

from study.commandline import parse_pairs, run_command, say, usage

KEYS = {
    "study.name": "the study; required",
    "study.root": "folder that holds the studies (default: studies)",
    "tracking.uri": "the MLflow store (default: the study's own)",
    "tracking.experiment": "the MLflow experiment (default: the study's own)",
    "debug": "true: print the traceback of an error",
}
PURPOSE = "Send to MLflow what it lacks of a study. Sending is idempotent: sending twice stores once."


def main(arguments: Sequence[str]) -> None:
    """The command; see `--help`."""
    if {"-h", "--help"} & set(arguments):
        say(usage("study.sync", PURPOSE, KEYS))
        return
    given = parse_pairs(arguments, KEYS)

    from study.errors import ConfigError
    from study.records import StudyFolder
    from study.tracking import send_missing, tracking_uri

    if "study.name" not in given:
        raise ConfigError(["study.name: required and not given"])
    with StudyFolder.opened(given.get("study.root", "studies"), given["study.name"]) as folder:
        config = folder.config.read()
        config = config.with_values(
            {key: value for key, value in given.items() if key.startswith("tracking.")}
        )
        trials, new = send_missing(config, folder)
        where = tracking_uri(config.tracking, folder)
    say(f"{given['study.name']}: {trials} trials, {new} of them new or changed, are in {where}")


if __name__ == "__main__":
    run_command(main)
