"""`python -m analysis.rows study.name=…`: the rows of a study's trials as CSV, with what each trial searched."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from study.commandline import Command, Given, run_command, say
from study.commandline.place import GivenPath, OfStudy, TrialNumber
from study.errors import StudyError
from study.machine.shell import command_line

if TYPE_CHECKING:
    import pandas as pd

    from study.records import StudyFolder, TrialFolder
    from study.records.rows import RowsFile

EVALUATED = {"own": "its own test subjects", "cohort": "another cohort"}


class Arguments(OfStudy):
    """Keys of the command itself."""

    trial: TrialNumber | None = Field(
        None, description="the only trial that is written; null: all complete ones"
    )
    evaluation: Literal["own", "cohort"] | None = Field(
        None,
        description="the rows of study.evaluate, on the study's own test subjects or on another cohort; null: those of "
        "the trials themselves",
    )
    out: GivenPath | None = Field(None, description="path of the CSV; null: rows.csv in the study's folder")


COMMAND = Command(
    "analysis.rows",
    Arguments,
    details="""\
A line for each trial, test subject and availability subset, with the trial's seed, objective and searched settings. To
choose a trial by these numbers is to choose on test data.""",
)


def main(arguments: Sequence[str]) -> None:
    """Write the table; see `--help`."""
    COMMAND.run(arguments, _write)


def _write(given: Given[Arguments]) -> None:
    from study.machine.files import atomic
    from study.records import StudyFolder

    own = given.own
    with StudyFolder.opened(own.study.root, own.study.name) as folder:
        if own.evaluation is None:
            rows = study_rows(folder, own.trial)
        else:
            rows = evaluated_rows(folder, own.evaluation, own.trial)
        out = own.out or folder.path / "rows.csv"
        with atomic(out) as temporary:
            # Spreadsheets take a text for Unicode by the mark at its beginning.
            rows.to_csv(temporary, index=False, encoding="utf-8-sig")
    say(f"{out}: {len(rows)} rows of {rows['trial'].nunique()} trials")


def study_rows(folder: StudyFolder, trial: int | None = None) -> pd.DataFrame:
    """The rows of a study's complete trials and their replicates, one below the other.

    Columns are those of `study.evaluation.rows.ResultRow`; behind `trial` stand its `seed` and `objective`, and at the
    end what the trials searched, by dotted path. A replicate has the number of the trial that it repeats.

    Args:
        folder: of the study.
        trial: number; None takes all.

    Raises:
        StudyError: the trial, or every trial, is not complete.
    """
    import pandas as pd

    from study.records import complete_trial, complete_trials, replicates_of

    seed = folder.config.read().study.seed
    tables = []
    for one in complete_trials(folder) if trial is None else [complete_trial(folder, trial)]:
        tables.append(_rows(one, one.rows, one.number, seed))
        for again in replicates_of(folder, one.number):
            tables.append(_rows(again, again.rows, one.number, again.replicate.read().seed))
    return pd.concat(tables, ignore_index=True)


def evaluated_rows(folder: StudyFolder, evaluation: str, trial: int | None = None) -> pd.DataFrame:
    """The rows of later evaluations (study.evaluate) of a study's trials; columns as for `study_rows`.

    Args:
        folder: of the study.
        evaluation: own, on the study's test subjects, or cohort, on another one.
        trial: number; None takes all that were evaluated.

    Raises:
        StudyError: none was evaluated in this way.
    """
    import pandas as pd

    from study.records import complete_trial, complete_trials

    trials = complete_trials(folder) if trial is None else [complete_trial(folder, trial)]
    evaluated = [(one, rows) for one in trials if (rows := one.evaluation(evaluation)).exists]
    if not evaluated:
        which = "no trial was" if trial is None else f"trial {trial} was not"
        command = command_line("study.evaluate", *folder.arguments)
        raise StudyError(f"evaluation: {which} evaluated on {EVALUATED[evaluation]}; run {command} first")
    seed = folder.config.read().study.seed
    return pd.concat([_rows(one, rows, one.number, seed) for one, rows in evaluated], ignore_index=True)


def _rows(trial: TrialFolder, file: RowsFile, number: int, seed: int) -> pd.DataFrame:
    from study.records import CompleteTrial

    result, searched = trial.result.read(), trial.searched()
    searched.pop("study.seed", None)
    value = result.value if isinstance(result, CompleteTrial) else None
    cells = {path: ", ".join(map(str, v)) if isinstance(v, list) else v for path, v in searched.items()}
    rows = file.read().assign(trial=number, seed=seed, objective=value, **cells)
    own = [name for name in rows.columns if name not in ("trial", "seed", "objective", *cells)]
    return rows[["trial", "seed", "objective", *own, *cells]]


if __name__ == "__main__":
    run_command(main)
