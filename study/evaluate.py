"""`python -m study.evaluate study.name=…`: scores the winner or any trial on its test subjects or another cohort."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from study.commandline import Command, Given, run_command, shown
from study.commandline.place import OfStudy, TrialNumber
from study.config import Count, MirrorAxis, Section, Subsets
from study.config.section import LIST_OF_ONE, LocalPath

if TYPE_CHECKING:
    from study.config import Config
    from study.records import TrialFolder
    from study.records.rows import RowsFile


class Evaluation(Section):
    """How it is judged."""

    subsets: Subsets | None = Field(
        None,
        description="droppable: each droppable modality removed in turn; all: every non-empty subset; null: as in the "
        "study",
    )
    mirror: Annotated[tuple[MirrorAxis, ...], LIST_OF_ONE] | None = Field(
        None,
        description="axes along which images are mirrored at test time; null: as in the study",
    )


class Imaging(Section):
    """How scans are read."""

    most_voxels: Count | None = Field(
        None, description="voxels that a scan of another cohort may have; null: as in the study"
    )
    cache: LocalPath | None = Field(None, description="folder of prepared subjects; null: as in the study")


class Arguments(OfStudy):
    """Keys of the command itself."""

    trial: TrialNumber | None = Field(None, description="which trial of the study; null: the winner")
    evaluation: Evaluation = Field(default_factory=Evaluation)
    imaging: Imaging = Field(default_factory=Imaging)

    @property
    def values(self) -> dict[str, Any]:
        """The settings that differ from the study's, by dotted path."""
        given = self.model_dump(mode="json", include={"evaluation", "imaging"}, exclude_none=True)
        return {f"{section}.{key}": value for section, keys in given.items() for key, value in keys.items()}


COMMAND = Command(
    "study.evaluate",
    Arguments,
    ("cohort",),
    details="It is scored on the study's own test subjects, or on another cohort: cohort=… and its keys.",
)


def main(arguments: Sequence[str]) -> None:
    """Evaluate a trial and print the table; rows are written to the trial's folder."""
    COMMAND.run(arguments, _evaluate)


def _evaluate(given: Given[Arguments]) -> None:
    from study.commandline.composition import compose_section
    from study.records import StudyFolder
    from study.workflow.evaluating import evaluate_trial

    own, settings = given.own, given.settings
    with StudyFolder.opened(own.study.root, own.study.name) as folder, shown() as show:
        evaluated = evaluate_trial(
            folder,
            own.trial,
            show,
            values=own.values,
            cohort=compose_section(settings, "cohort") if settings.pairs else None,
        )
        show.say(_tables(*evaluated))


def _tables(config: Config, trial: TrialFolder, rows: RowsFile) -> str:
    from analysis.method import Method
    from analysis.rendering import to_text, without_repeats
    from analysis.trial_tables import trial_tables

    method = Method.of(config.evaluation, config.study.seed)
    tables = without_repeats(trial_tables(rows.read(), method, config.cohort.target))
    return "\n\n".join([f"trial {trial.number}", *map(to_text, tables), f"rows: {rows.path}"])


if __name__ == "__main__":
    run_command(main)
