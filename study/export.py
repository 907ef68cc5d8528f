"""`python -m study.export study.name=… out=…`: packs a trained network for prediction into a folder or a zip."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from study.commandline import Command, Given, run_command, say
from study.commandline.place import GivenPath, OfStudy, TrialNumber


class Arguments(OfStudy):
    """Keys of the command itself."""

    out: GivenPath = Field(description="the bundle: a folder, or a zip if it ends with .zip")
    trial: TrialNumber | None = Field(None, description="which trial of the study; null: the winner")
    ensemble: bool | None = Field(
        None,
        description="the ensemble, not a trial; null: if no trial is named and it is better than the winner on "
        "validation subjects",
    )


COMMAND = Command(
    "study.export",
    Arguments,
)


def main(arguments: Sequence[str]) -> None:
    """Write the bundle and print its size; see `--help`."""
    COMMAND.run(arguments, _export)


def _export(given: Given[Arguments]) -> None:
    from study.records import StudyFolder
    from study.workflow.export import export_bundle

    own = given.own
    with StudyFolder.opened(own.study.root, own.study.name) as folder:
        which = export_bundle(folder, own.out, own.trial, ensemble=own.ensemble)
    files = [own.out] if own.out.is_file() else own.out.iterdir()
    size_mb = sum(path.stat().st_size for path in files) / 1e6
    say(f"{which} of {own.study.name} is in {own.out} ({size_mb:.1f} MB)")


if __name__ == "__main__":
    run_command(main)
