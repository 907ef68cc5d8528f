"""Series: several studies that belong together, each with settings of its own, as a file lists them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from study.commandline.bounded_yaml import load_yaml
from study.commandline.command import Settings
from study.commandline.composition import read_settings
from study.commandline.groups import CONF
from study.config import Section
from study.config.parts import must_be_one_of
from study.config.validation import validate_section
from study.errors import ConfigError

__all__ = ["Published", "SeriesFile", "about_series", "find_series", "series_choices", "settings_of_parts"]

FOLDER = "series"
Arguments = tuple[str, ...]
Parts = Mapping[str, Mapping[str, str]]


class PublishedRow(Section):
    """Published numbers of one system, given some modalities."""

    study: str = Field(description="the study of the series that is set beside it")
    values: tuple[int | float | str | None, ...] = Field(
        (), description="of the searched settings by which its trials are told apart"
    )
    given: str = Field(description="modalities, joined by +")
    numbers: dict[str, float] = Field(description="by the name of the column")


class Published(Section):
    """A table of a paper."""

    source: str = Field(description="the paper, and the number of its table")
    metric: str = Field("dice", description="column of rows that its numbers are means of")
    by: tuple[str, ...] = Field((), description="searched settings whose values the table compares")
    columns: dict[str, dict[Literal["center", "occlusion"], str]] = Field(
        description="whose test subjects each column is about"
    )
    rows: tuple[PublishedRow, ...]

    @model_validator(mode="after")
    def _columns_are_known(self) -> Self:
        if unknown := {name for row in self.rows for name in row.numbers} - set(self.columns):
            raise ValueError(f"numbers of {', '.join(sorted(unknown))}, which is none of the columns")
        return self


class SeriesFile(Section):
    """The content of a file of `series/`. Arguments are written as on the command line."""

    table: Literal["systems", "unseen"] = Field(
        "systems",
        description="what is shown at the end: winners on the test subjects that they share, or each at its own unseen "
        "centers",
    )
    arguments: Arguments = Field((), description="of all studies of the series")
    studies: dict[str, Arguments] = Field(
        default_factory=dict,
        description="of each study, by its name within the series; {name} is the folder of an earlier one",
    )
    each_center: Arguments = Field(
        (), description="of a study for each annotated center, with {center} in its place"
    )
    growing: Arguments = Field(
        (), description="of a study with one, two, … of the seen centers, with {centers} in their place"
    )

    published: tuple[Published, ...] = Field((), description="tables of papers that ours are set beside")

    @model_validator(mode="after")
    def _of_one_kind(self) -> Self:
        if sum(map(bool, (self.studies, self.each_center, self.growing))) != 1:
            raise ValueError("studies, each_center, growing: give one of them")
        return self


def series_choices(directories: Sequence[Path] = ()) -> dict[str, Path]:
    """The files of series by name, ours and those in `series/` of the user's folders."""
    roots = (CONF, *directories)
    return {path.stem: path for root in roots for path in sorted((root / FOLDER).glob("*.yaml"))}


def about_series(path: Path) -> str:
    """What a file says of itself."""
    lines = takewhile(lambda line: line.startswith("#"), path.read_text(encoding="utf-8").splitlines())
    return " ".join(line.removeprefix("#").strip() for line in lines)


def find_series(name: str, directories: Sequence[Path] = ()) -> SeriesFile:
    """The series of this name.

    Raises:
        ConfigError: there is none, or its file is not understood; names the file and each mistake.
    """
    files = series_choices(directories)
    if name not in files:
        raise ConfigError([f"series: {must_be_one_of(sorted(files), name)}"])
    content = load_yaml(files[name])
    if not isinstance(content, dict):
        raise ConfigError([f"{files[name]}: must hold keys and values"])
    try:
        return validate_section(SeriesFile, content)
    except ConfigError as error:
        raise ConfigError([f"{files[name]}: {problem}" for problem in error.problems]) from None


def settings_of_parts(
    series: SeriesFile, parts: Mapping[str, Arguments], given: Settings
) -> dict[str, Settings]:
    """The settings of each study: the file's, and what the user gives for all.

    Args:
        series: the file.
        parts: the arguments of each study, filled in.
        given: by the user; they prevail over `series.arguments`.

    Raises:
        ConfigError: an argument is not understood, or the user gives what the series sets for each of its studies.
    """
    common = read_settings(series.arguments).pairs
    own = {part: read_settings(arguments).pairs for part, arguments in parts.items()}
    taken = {key for pairs in own.values() for key in pairs if key in given.pairs}
    if taken:
        raise ConfigError(
            [f"{key}: the series sets it for each of its studies; leave it out" for key in sorted(taken)]
        )
    return {part: given._replace(pairs={**common, **given.pairs, **pairs}) for part, pairs in own.items()}
