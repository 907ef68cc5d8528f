"""Many systems side by side: by occlusion, and each against the first one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from analysis.cases import Cases, Group
from analysis.computed import computed_notes, with_notes
from analysis.cross_center import CENTERS, REMOVED
from analysis.method import Method
from analysis.mirrored import mirrored_name
from analysis.occlusions import occlusion_table
from analysis.pairing import contrast, difference_table
from analysis.tables import Column, Table
from study.config.nearest import did_you_mean
from study.errors import ConfigError

if TYPE_CHECKING:
    import pandas as pd

    from study.records import Ranking

SYSTEM, RUN = "system", "run"
CHOSEN = (
    "Each system is represented by its best trial by the objective, on validation subjects of seen centers."
)


def rows_of_systems(rankings: Mapping[str, Sequence[Ranking]], paths: Sequence[str] = ()) -> pd.DataFrame:
    """The rows of each system's best trial, with the system's name in the column `system`, and its run in `run`.

    Args:
        rankings: label to the studies that are runs of the same system; an empty label is not shown.
        paths: searched settings, by dotted path; without any, the winners are compared.

    Raises:
        ConfigError: no trial of a study searched one of the settings.
        StudyError: no trial of a study is complete.
    """
    import pandas as pd

    tables = []
    for label, runs in rankings.items():
        for run, ranking in enumerate(runs):
            _check_searched(ranking, paths)
            for values, trial in sorted(ranking.best(paths).items(), key=lambda entry: entry[1].number):
                rows = trial.rows.read()
                tables.append(rows.assign(system=mirrored_name(_name(label, paths, values), rows), run=run))
    return pd.concat(tables, ignore_index=True)


def system_tables(rows: pd.DataFrame, method: Method) -> list[Table]:
    """The tables of `rows_of_systems`, systems in the order of the rows: by occlusion, and each against the first."""
    tables = [_by_occlusion(rows, method), *_against_first(rows, method)]
    for stand_in in sorted(set(rows["substituted"]) - {""}):
        part = _by_occlusion(rows[rows["substituted"] == stand_in], method)
        given = stand_in.replace("+", ", ")
        title = f"{part.title}; only those with {given} (what stands in for what)"
        tables.append(replace(part, name=f"occlusions_{stand_in}", title=title))
    by_system = rows.groupby(SYSTEM, sort=False)
    notes = tuple(note for name, part in by_system for note in computed_notes(part, str(name)))
    return with_notes(tables, notes)


def _by_occlusion(rows: pd.DataFrame, method: Method) -> Table:
    import pandas as pd

    names = list(dict.fromkeys(rows[SYSTEM]))
    ordered = rows.assign(**{SYSTEM: pd.Categorical(rows[SYSTEM], names, ordered=True)})
    table = occlusion_table(ordered, method, by=SYSTEM)
    return replace(table, notes=(*table.notes, CHOSEN))


def _against_first(rows: pd.DataFrame, method: Method) -> Iterator[Table]:
    """The table of what each system has over the first one; none for a single system, or without test subjects."""
    systems: dict[str, list[dict[Group, Cases]]] = {}  # of each system its runs
    for (name, _), part in rows.groupby([SYSTEM, RUN], sort=False):
        systems.setdefault(str(name), []).append(dict(Cases.of(part).groups()))
    if not systems:
        return
    first, *others = systems
    groups = sorted({group for runs in systems.values() for run in runs for group in run})
    contrasts = [
        contrast(
            (other, group.centers, group.removed),
            [run[group] for run in systems[other] if group in run],
            [run[group] for run in systems[first] if group in run],
            method,
            beyond=group.unseen,
        )
        for group in groups
        for other in others
    ]
    if contrasts:
        labels = (Column(SYSTEM, SYSTEM), CENTERS, REMOVED)
        title = f"Each system against {first}, on the same test subjects"
        shown = [one for one in contrasts if one.difference.estimate.n]
        table = difference_table("systems", title, (SYSTEM, first), labels, shown, method)
        compared = {one.labels[0] for one in shown}
        if apart := [other for other in others if other not in compared]:
            none = f"Not compared, as they have no test subject in common with {first}: {', '.join(apart)}."
            table = replace(table, notes=(none, *table.notes))
        yield table


def _name(label: str, paths: Sequence[str], values: Sequence[object]) -> str:
    values_shown = [
        f"{path.rpartition('.')[2]}={value}"
        for path, value in zip(paths, values, strict=True)
        if value is not None
    ]
    return ", ".join([*([label] if label else []), *values_shown])


def _check_searched(ranking: Ranking, paths: Sequence[str]) -> None:
    searched = sorted(ranking.searched_settings()) if paths else []
    for path in paths:
        if path not in searched:
            near = did_you_mean(path, searched) or f"; searched are {', '.join(searched) or 'no settings'}"
            raise ConfigError([f"by: no trial of {ranking.folder.path} searched {path}{near}"])
