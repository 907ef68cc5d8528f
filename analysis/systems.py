"""`python -m analysis.systems AttLLSTM=studies/slices by=model.slices`: many systems side by side, by occlusion.

Each label names a finished study and stands for its winner. With `by=` it stands for the best complete trial (by the
objective, on validation subjects) of each value of a searched setting, or of each combination of several, joined by
commas: `by=model.name,model.recurrent.kind`. Several runs of one system (other seeds) are several folders, joined by
commas: each subject then counts with its mean over the runs.

Where one sequence stands in for another in some test subjects (cohort.modality_aliases), these have a second table.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from analysis.tables import occlusion_table
from analysis.text import OCCLUSION_NOTE, to_markdown
from study.cli import parse_pairs, run_command
from study.errors import ConfigError
from study.results import StudyFolder, best_trials, read_json, read_rows

if TYPE_CHECKING:
    import pandas as pd

SYSTEM = "system"
RESAMPLES = 10_000
LEGAL = {"by": "searched settings whose values are compared, joined by commas"}


def main(arguments: Sequence[str]) -> None:
    """The command; see the top of this file."""
    if not arguments or "--help" in arguments or "-h" in arguments:
        sys.stdout.write(f"{__doc__}\n  by=model.slices  {LEGAL['by']}\n")
        return
    sides = parse_pairs(arguments, LEGAL, others=True)
    paths = [path for path in sides.pop("by", "").split(",") if path]
    if not sides:
        raise ConfigError(["no study is given; name one as LABEL=folder"])
    folders = {
        label: [StudyFolder.find(Path(path).parent, Path(path).name) for path in joined.split(",")]
        for label, joined in sides.items()
    }
    sys.stdout.write(describe(rows_of_systems(folders, paths), RESAMPLES, 0) + "\n")


def rows_of_systems(folders: Mapping[str, Sequence[StudyFolder]], paths: Sequence[str] = ()) -> pd.DataFrame:
    """The rows of each system's best trial, with the system's name in the column `system`.

    Args:
        folders: label to the studies that are runs of the same systems; an empty label is not shown.
        paths: searched settings, by dotted path; none compares the winners.

    Raises:
        ConfigError: no trial of a study searched one of the settings.
        StudyError: no trial of a study is complete.
    """
    import pandas as pd

    tables = []
    for label, runs in folders.items():
        for folder in runs:
            _check_searched(folder, paths)
            for values, trial in sorted(
                best_trials(folder, paths).items(), key=lambda entry: entry[1].number
            ):
                tables.append(read_rows(trial.rows).assign(**{SYSTEM: _name(label, paths, values)}))
    return pd.concat(tables, ignore_index=True)


def describe(rows: pd.DataFrame, resamples: int, seed: int) -> str:
    """The tables of `rows_of_systems` as Markdown, systems in the order of the rows."""
    parts = [OCCLUSION_NOTE, _table(rows, resamples, seed)]
    for stand_in in sorted(set(rows["substituted"]) - {""}):
        title = f"Test subjects with {stand_in.replace('+', ', ')} (what stands in for what):"
        parts += [title, _table(rows[rows["substituted"] == stand_in], resamples, seed)]
    return "\n\n".join(parts)


def _table(rows: pd.DataFrame, resamples: int, seed: int) -> str:
    import pandas as pd

    names = list(dict.fromkeys(rows[SYSTEM]))
    ordered = rows.assign(**{SYSTEM: pd.Categorical(rows[SYSTEM], names, ordered=True)})
    return to_markdown(occlusion_table(ordered, resamples, seed, by=SYSTEM))


def _name(label: str, paths: Sequence[str], values: Sequence[object]) -> str:
    told = [
        f"{path.rpartition('.')[2]}={value}"
        for path, value in zip(paths, values, strict=True)
        if value is not None
    ]
    return ", ".join([*([label] if label else []), *told])


def searched_settings(folder: StudyFolder) -> set[str]:
    """The dotted paths of all that any trial of a study searched."""
    files = (trial.parameters for trial in folder.trials())
    return {path for file in files if file.is_file() for path in read_json(file)}


def _check_searched(folder: StudyFolder, paths: Sequence[str]) -> None:
    searched = searched_settings(folder)
    if unknown := [path for path in paths if path not in searched]:
        there = ", ".join(sorted(searched)) or "nothing"
        raise ConfigError(
            [f"by: no trial of {folder.path} searched {', '.join(unknown)}; searched are {there}"]
        )


if __name__ == "__main__":
    run_command(main)
