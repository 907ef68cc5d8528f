"""`python -m study.export study.name=… out=…`: packs a trained network for prediction into a folder or a zip."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from study.commandline import parse_pairs, run_command, say, usage

KEYS = {
    "study.name": "the study; required",
    "study.root": "folder that holds the studies (default: studies)",
    "out": "the bundle: a folder, or a zip if it ends with .zip; required",
    "trial": "number of the trial (default: the winner)",
    "debug": "true: print the traceback of an error",
}


def main(arguments: Sequence[str]) -> None:
    """Write the bundle and print its size; see `--help`."""
    if {"-h", "--help"} & set(arguments):
        say(usage("study.export", "Write the bundle of a study's winner, ready for study.predict.", KEYS))
        return
    given = parse_pairs(arguments, KEYS)

    from study.errors import ConfigError

    problems = [f"{key}: required and not given" for key in ("study.name", "out") if not given.get(key)]
    if "trial" in given and not given["trial"].isdigit():
        problems.append(f"trial: must be the number of a trial, got {given['trial']!r}")
    if problems:
        raise ConfigError(problems)

    from study.records import StudyFolder
    from study.workflow.export import export_bundle

    out = Path(given["out"])
    with StudyFolder.opened(given.get("study.root", "studies"), given["study.name"]) as folder:
        trial = export_bundle(folder, out, int(given["trial"]) if "trial" in given else None)
    size_mb = sum(path.stat().st_size for path in ([out] if out.is_file() else out.iterdir())) / 1e6
    say(f"trial {trial} of {given['study.name']} is in {out} ({size_mb:.1f} MB)")


if __name__ == "__main__":
    run_command(main)
