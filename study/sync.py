"""Send to MLflow what it lacks of a study: after a failure, to another server, or as often as one likes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from study.cli import parse_pairs, run_command, usage

KEYS = {
    "study.name": "which study; required",
    "study.root": "where studies lie; default studies",
    "tracking.uri": "the MLflow store; default: the study's own",
    "tracking.experiment": "the MLflow experiment; default: the study's own",
    "debug": "true prints the traceback of an error",
}


def main(arguments: Sequence[str]) -> None:
    """The command; see `--help`."""
    if {"-h", "--help"} & set(arguments):
        print(
            usage("study.sync", "Send to MLflow what it lacks of a study. Twice sent is once stored.", KEYS)
        )
        return
    given = parse_pairs(arguments, KEYS)

    from study.config import validate
    from study.errors import ConfigError
    from study.results import StudyFolder, read_json
    from study.tracking import send_missing, tracking_uri, without_password

    if "study.name" not in given:
        raise ConfigError(["study.name: required and not given"])
    folder = StudyFolder.find(Path(given.get("study.root", "studies")), given["study.name"])
    config = validate(read_json(folder.config))
    config = config.with_values({key: value for key, value in given.items() if key.startswith("tracking.")})
    trials, new = send_missing(config, folder)
    uri = tracking_uri(config, folder)
    where = without_password(uri, uri)
    print(f"{given['study.name']}: {trials} trials, {new} of them new or changed, are in {where}")


if __name__ == "__main__":
    run_command(main)
