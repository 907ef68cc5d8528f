"""`python -m study.appearance key=value …`: what tells real DWI and ADC from simulated ones, in numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import Field

from study.commandline import WHOLE, Command, OwnKeys, run_command, run_configured, shown
from study.commandline.place import GivenPath
from study.config import Config

if TYPE_CHECKING:
    from study.cohort.records import Subject
    from study.imaging.appearance import Appearance

ALL = "all"


class Arguments(OwnKeys):
    """Keys of the command itself."""

    lesions: bool = Field(
        True, description="read lesion masks; without them, lesions count as the rest of the brain"
    )
    out: GivenPath | None = Field(None, description="path of a CSV with a line for each subject")


COMMAND = Command(
    "study.appearance",
    Arguments,
    WHOLE,
    details="""\
Medians over the subjects that have DWI and ADC, by center and over all, measured on a grid of 2 mm. The same command on
real scans and on phantoms says how far apart they are; docs/phantoms.md has the table.""",
)


def main(arguments: Sequence[str]) -> None:
    """Print the table; see `--help`."""
    run_configured(COMMAND, arguments, _measure)


def _measure(config: Config, own: Arguments) -> None:
    from study.cohort import load_cohort
    from study.imaging.appearance import appearances

    with shown() as show:
        cohort = load_cohort(config.cohort, config.phantom_root, show.progress)
        found = appearances(cohort, lesions=own.lesions, progress=show.progress)
        if own.out is not None:
            _write(own.out, found)
        show.say("\n".join(table(found)))


def table(found: Sequence[tuple[Subject, Appearance]]) -> list[str]:
    """The medians as lines of text: a row for each statistic, a column for each center and one for all."""
    from study.imaging.appearance import TITLES, medians

    groups = {
        center: [one for subject, one in found if subject.center == center]
        for center in sorted({subject.center for subject, _ in found})
    }
    groups = {ALL: [one for _, one in found]} | (groups if len(groups) > 1 else {})
    columns = {name: medians(group) for name, group in groups.items()}
    left, width = max(map(len, TITLES.values())), max(8, *map(len, columns))
    lines = [" " * left + "".join(f"  {name:>{width}}" for name in columns)]
    lines += [
        f"{title:<{left}}" + "".join(f"  {_number(column[name]):>{width}}" for column in columns.values())
        for name, title in TITLES.items()
    ]
    lines.append(f"{'subjects':<{left}}" + "".join(f"  {len(group):>{width}}" for group in groups.values()))
    return lines


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}"


def _write(path: GivenPath, found: Sequence[tuple[Subject, Appearance]]) -> None:
    """Write a CSV with a line for each subject, named by its pseudonym."""
    import csv
    from dataclasses import asdict

    from study.imaging.appearance import TITLES
    from study.machine.files import atomic

    with atomic(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["subject", "center", *TITLES])
        for subject, one in found:
            values = asdict(one)
            rows.writerow([subject.key, subject.center, *(values[name] for name in TITLES)])


if __name__ == "__main__":
    run_command(main)
