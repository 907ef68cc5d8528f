"""Pack a trained network with all that a prediction needs into a folder or a zip."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from study.cli import parse_pairs, run_command, usage

KEYS = {
    "study.name": "which study; required",
    "study.root": "where studies lie; default studies",
    "out": "the bundle: a folder, or a zip if it ends with .zip; required",
    "trial": "which trial; default: the winner",
    "debug": "true prints the traceback of an error",
}


def main(arguments: Sequence[str]) -> None:
    """The command; see `--help`."""
    if {"-h", "--help"} & set(arguments):
        print(usage("study.export", "Write the bundle of a study's winner, ready for study.predict.", KEYS))
        return
    given = parse_pairs(arguments, KEYS)

    from study.errors import ConfigError

    problems = [f"{key}: required and not given" for key in ("study.name", "out") if not given.get(key)]
    if "trial" in given and not given["trial"].isdigit():
        problems.append(f"trial: must be the number of a trial, got {given['trial']!r}")
    if problems:
        raise ConfigError(problems)

    from study.deployment.export import export_bundle
    from study.results import StudyFolder

    folder = StudyFolder.find(Path(given.get("study.root", "studies")), given["study.name"])
    out = Path(given["out"])
    trial = export_bundle(folder, out, int(given["trial"]) if "trial" in given else None)
    size_mb = sum(path.stat().st_size for path in ([out] if out.is_file() else out.iterdir())) / 1e6
    print(f"trial {trial} of {given['study.name']} is in {out} ({size_mb:.1f} MB)")


if __name__ == "__main__":
    run_command(main)
