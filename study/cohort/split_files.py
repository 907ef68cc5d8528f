"""Files of splits: lists of subjects by use, and the folds of nnU-Net's splits_final.json."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from study.cohort.patients import USES, Use
from study.cohort.text import Unusable, read_json
from study.config import SplitsConfig
from study.errors import ConfigError

PLACE = "cohort.splits.path"
_FOLD = "cohort.splits.fold"
_WANTED = (
    "expected {train: [ids], validation: [ids], test: [ids]}, or nnU-Net's [{train: [ids], val: [ids]}, …]"
)
_IGNORED = ("unseen", "control")  # in a study's own splits; they follow from the other lists
_FOLD_LISTS: dict[str, Use] = {"train": "train", "val": "validation"}  # as nnU-Net calls them


class Listed(NamedTuple):
    """One entry of the file, and its place in its list."""

    name: str
    use: Use
    number: int


@dataclass(frozen=True)
class SplitLists:
    """The lists of a file.

    Attributes:
        listed: all entries, in the order of `USES`.
        by_fold: the file is nnU-Net's: it was drawn without knowing of unseen centers, and says nothing of the test.
    """

    listed: tuple[Listed, ...]
    by_fold: bool


def read_split_lists(settings: SplitsConfig) -> SplitLists:
    """The lists of `cohort.splits.path`; raises ConfigError with every mistake of its form."""
    path = settings.path or Path()
    if path.suffix == ".pkl":
        raise ConfigError(
            [
                f"{PLACE}: {path} is a pickle, as nnU-Net 1 wrote it; give its content as JSON (splits_final.json)"
            ]
        )
    try:
        content = read_json(path)
    except Unusable as error:
        raise ConfigError([f"{PLACE}: {path.absolute()}: {error}"]) from None
    if isinstance(content, list) and content:
        return SplitLists(tuple(_of_fold(content, settings.fold, path)), by_fold=True)
    if settings.fold:
        raise ConfigError([f"{_FOLD}: {path} has no folds; leave it out"])
    return SplitLists(tuple(_of_uses(content, path)), by_fold=False)


def _of_fold(folds: list[Any], number: int, path: Path) -> Iterator[Listed]:
    if number >= len(folds):
        last = len(folds) - 1
        raise ConfigError([f"{_FOLD}: {path} has the folds 0 to {last}, got {number}; choose one of them"])
    fold = folds[number]
    if not isinstance(fold, dict) or set(fold) != set(_FOLD_LISTS):
        raise ConfigError([f"{PLACE}: fold {number} of {path} has not the lists train and val; {_WANTED}"])
    yield from _entries({use: fold[name] for name, use in _FOLD_LISTS.items()}, f"fold {number} of {path}")


def _of_uses(content: Any, path: Path) -> Iterator[Listed]:
    if isinstance(content, dict):
        content = content.get("splits", content)  # a study's own prepared.json
    if not isinstance(content, dict):
        raise ConfigError([f"{PLACE}: {path} is not a JSON object of lists; {_WANTED}"])
    unknown = [name for name in content if name not in USES and name not in _IGNORED]
    problems = [f"{PLACE}: {path} has an unknown list '{name}'; {_WANTED}" for name in unknown]
    yield from _entries({use: content.get(use, []) for use in USES}, str(path), problems)


def _entries(lists: dict[Use, Any], where: str, problems: Sequence[str] = ()) -> Iterator[Listed]:
    """The entries of all lists; raises ConfigError for what is no list of text, and for the problems before."""
    wrong = [
        f"{PLACE}: '{use}' in {where} is not a list of strings; {_WANTED}"
        for use, values in lists.items()
        if not isinstance(values, list) or not all(isinstance(value, str) for value in values)
    ]
    if problems or wrong:
        raise ConfigError([*problems, *wrong])
    for use, values in lists.items():
        yield from (Listed(name, use, number) for number, name in enumerate(values, start=1))
