"""`python -m study.series series=leave_one_center_out`: runs several studies that belong together."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from study.commandline import WHOLE, Command, Given, OwnKeys, run_command, say, shown
from study.commandline.composition import to_yaml
from study.commandline.series import SeriesFile, about_series, find_series, series_choices

if TYPE_CHECKING:
    from analysis.tables import Table
    from study.config import Config
    from study.records import StudyFolder


class Arguments(OwnKeys):
    """Keys of the command itself."""

    series: str = Field(description="name of a file in series/, one of ours or of --config-dir")


COMMAND = Command(
    "study.series",
    Arguments,
    WHOLE,
    details="""\
All other keys are settings of each of the studies. Studies are called by the name of the series, or study.name, and by
their own: leave_one_center_out-CHSF. After an interruption, the same command with resume=true goes on where it was. At
the end, one page has all studies side by side.

"""
    + "\n".join(f"series={name}: {about_series(path)}" for name, path in series_choices().items()),
)


def main(arguments: Sequence[str]) -> None:
    """Run, resume, or forecast a series; see `--help`."""
    COMMAND.run(arguments, _run)


def _run(given: Given[Arguments]) -> None:
    from study.workflow.series import compose_series, run_series, series_page

    name = given.own.series
    series = find_series(name, given.settings.directories)
    configs = compose_series(series, name, given.settings)
    if given.shows_config:
        say("\n---\n".join(to_yaml(config).rstrip() for config in configs.values()))
        return
    first = next(iter(configs.values()))
    if first.dry_run:
        from study.workflow.forecast import forecast

        say("\n\n".join(map(forecast, configs.values())))
        return
    with shown() as show:
        folders = run_series(configs, show)
        page = first.study.root / f"{given.settings.pairs.get('study.name', name)}.html"
        series_page(folders, page)
        show.say(_closing(series, configs, folders, page))


def _closing(
    series: SeriesFile, configs: dict[str, Config], folders: Sequence[StudyFolder], page: Path
) -> str:
    from analysis.rendering import to_text, without_repeats

    tables = _tables(series, configs, folders)
    lines = [line for table in without_repeats(tables) for line in ("", to_text(table))]
    return "\n".join([*lines, "", f"All studies side by side, to be opened in a browser: {page}"])


def _tables(series: SeriesFile, configs: dict[str, Config], folders: Sequence[StudyFolder]) -> list[Table]:
    """The tables of the series; studies without a winner are left out."""
    from analysis.method import Method
    from analysis.published import published_table
    from analysis.system_tables import rows_of_systems, system_tables
    from analysis.unseen import unseen_table
    from study.records import Ranking

    first = next(iter(configs.values()))
    method = Method.of(first.evaluation, first.study.seed)
    rankings = {part: Ranking(folder) for part, folder in zip(configs, folders, strict=True)}
    won = {part: ranking for part, ranking in rankings.items() if ranking.no_winner is None}
    if not won:
        return []
    published = [published_table(one, won, method) for one in series.published]
    if series.table == "unseen":
        return [*published, unseen_table(won, method)]
    rows = rows_of_systems({part: [ranking] for part, ranking in won.items()})
    return [*published, *system_tables(rows, method)]


if __name__ == "__main__":
    run_command(main)
