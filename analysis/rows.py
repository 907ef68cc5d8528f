"""`python -m analysis.rows study.name=…`: the rows of a study's trials as CSV, with what each trial searched."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from study.commandline import parse_pairs, run_command, say, usage
from study.errors import ConfigError, StudyError
from study.machine.files import atomic
from study.records import (
    CompleteTrial,
    StudyFolder,
    TrialFolder,
    complete_trial,
    complete_trials,
    replicates_of,
)

if TYPE_CHECKING:
    import pandas as pd

    from study.records.rows import RowsFile

EVALUATED = {"own": "its own test subjects", "cohort": "another cohort"}
KEYS = {
    "study.name": "the study; required",
    "study.root": "folder that holds the studies (default: studies)",
    "trial": "number of the only trial that is written (default: all complete ones)",
    "evaluation": "own or cohort: the rows of study.evaluate, on the study's test subjects or on another cohort",
    "out": "path of the CSV (default: rows.csv in the study's folder)",
    "debug": "true: print the traceback of an error",
}
PURPOSE = (
    "Write a study's results as CSV: a line for each trial, test subject and availability subset, with the trial's\n"
    "seed, objective and searched settings. To choose a trial by these numbers is to choose on test data."
)


def main(arguments: Sequence[str]) -> None:
    """Write the table; see `--help`."""
    if {"-h", "--help"} & set(arguments):
        say(usage("analysis.rows", PURPOSE, KEYS))
        return
    given = parse_pairs(arguments, KEYS)
    problems = [] if given.get("study.name") else ["study.name: required and not given"]
    if not given.get("trial", "0").isdecimal():
        problems.append(f"trial: must be the number of a trial, got '{given['trial']}'")
    if given.get("evaluation", "own") not in EVALUATED:
        problems.append(f"evaluation: must be own or cohort, got '{given['evaluation']}'")
    if problems:
        raise ConfigError(problems)
    with StudyFolder.opened(given.get("study.root", "studies"), given["study.name"]) as folder:
        trial, evaluation = int(given["trial"]) if "trial" in given else None, given.get("evaluation")
        rows = study_rows(folder, trial) if evaluation is None else evaluated_rows(folder, evaluation, trial)
        out = Path(given.get("out", folder.path / "rows.csv"))
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

    trials = complete_trials(folder) if trial is None else [complete_trial(folder, trial)]
    evaluated = [(one, rows) for one in trials if (rows := one.evaluation(evaluation)).exists]
    if not evaluated:
        which = "no trial was" if trial is None else f"trial {trial} was not"
        raise StudyError(
            f"evaluation: {which} evaluated on {EVALUATED[evaluation]}; run python -m study.evaluate first"
        )
    seed = folder.config.read().study.seed
    return pd.concat([_rows(one, rows, one.number, seed) for one, rows in evaluated], ignore_index=True)


def _rows(trial: TrialFolder, file: RowsFile, number: int, seed: int) -> pd.DataFrame:
    result, searched = trial.result.read(), trial.searched()
    searched.pop("study.seed", None)
    value = result.value if isinstance(result, CompleteTrial) else None
    cells = {path: ", ".join(map(str, v)) if isinstance(v, list) else v for path, v in searched.items()}
    rows = file.read().assign(trial=number, seed=seed, objective=value, **cells)
    own = [name for name in rows.columns if name not in ("trial", "seed", "objective", *cells)]
    return rows[["trial", "seed", "objective", *own, *cells]]


if __name__ == "__main__":
    run_command(main)
