"""Which availability subsets a network was trained and tested with, and what that says of a prediction."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from study.config import Fraction, Section, join_modalities, split_modalities

if TYPE_CHECKING:
    import pandas as pd

    from analysis.estimates import Estimate
    from analysis.method import Method

LONGEST_TABLE = 31  # subsets: all of 5 modalities
DICE = (0.0, 1.0)
NAMED = 4  # tested subsets that a warning names


class SubsetResult(Section):
    """Results on test subjects that were given one subset.

    Attributes:
        seen: whether they are of centers that the network learnt from.
        subjects: with a defined Dice.
        dice: their average.
        low, high: 95 % interval of that average, by `analysis.estimates`; None where there is none.
    """

    seen: bool
    subjects: Annotated[int, Field(ge=1)]
    dice: Fraction
    low: Fraction | None = None
    high: Fraction | None = None

    @property
    def text(self) -> str:
        """`0.61 (0.55 to 0.67), 34 subjects`."""
        interval = "" if self.low is None else f" ({self.low:.2f} to {self.high:.2f})"
        return f"{self.dice:.2f}{interval}, {self.subjects} subject{'s' if self.subjects > 1 else ''}"


class Subset(Section):
    """One availability subset that the network was trained or tested with.

    Attributes:
        given: modalities that the network sees, in its order.
        trained: share of the training samples that show exactly these, once dropped modalities have faded out; None if
            the training is unknown.
        tested: results at seen and at unseen centers; empty if it was not tested.
    """

    given: tuple[str, ...]
    trained: Fraction | None = None
    tested: tuple[SubsetResult, ...] = ()

    @property
    def name(self) -> str:
        """`DWI+ADC`, or `DWI alone`."""
        return join_modalities(self.given) + (" alone" if len(self.given) == 1 else "")


def known_subsets(
    modalities: Sequence[str],
    trained: Mapping[tuple[str, ...], float] | None,
    rows: pd.DataFrame,
    method: Method,
) -> tuple[Subset, ...]:
    """All subsets that a network was trained or tested with, the largest first.

    Args:
        modalities: of the network.
        trained: share of the training samples by modalities given; None if the training is unknown.
        rows: the trial's results; those of test subjects are read.
        method: how means are taken.
    """
    from analysis.estimates import estimate

    tested: dict[tuple[str, ...], list[SubsetResult]] = {}
    test = rows[rows["split"] == "test"]
    for (names, seen), group in test.groupby(["subset", "seen"]):
        found = estimate(group["dice"].tolist(), group["center"].tolist(), method.average, bounds=DICE)
        if found.n:
            tested.setdefault(split_modalities(str(names)), []).append(_tested(found, seen=bool(seen)))
    given = sorted({*(trained or ()), *tested}, key=lambda names: _order(names, modalities))
    return tuple(
        Subset(
            given=names,
            trained=None if trained is None else trained.get(names, 0.0),
            tested=tuple(sorted(tested.get(names, ()), key=lambda result: not result.seen)),
        )
        for names in given
    )


def _tested(found: Estimate, *, seen: bool) -> SubsetResult:
    low, high = found.interval or (None, None)
    return SubsetResult(seen=seen, subjects=found.n, dice=found.mean, low=low, high=high)


def all_subsets(modalities: Sequence[str], known: Sequence[Subset]) -> list[Subset]:
    """Every non-empty subset, the largest first; only the known ones if a table of all would be too long."""
    if 2 ** len(modalities) - 1 > LONGEST_TABLE:
        return list(known)
    found = {each.given: each for each in known}
    return [
        found.get(given) or untouched(given, known)
        for size in range(len(modalities), 0, -1)
        for given in combinations(modalities, size)
    ]


def untouched(given: tuple[str, ...], known: Sequence[Subset]) -> Subset:
    """A subset that is not among the known ones: the network was not tested with it, nor, if that is known, trained."""
    return Subset(given=given, trained=None if any(each.trained is None for each in known) else 0.0)


def untested(given: tuple[str, ...], known: Sequence[Subset]) -> Iterator[str]:
    """A warning if the network was not trained or not tested with these modalities; none if no subset is known."""
    if not known:
        return
    subset = next((each for each in known if each.given == given), None) or untouched(given, known)
    if subset.tested and subset.trained != 0:
        return
    if subset.tested:
        yield f"{subset.name}: the network was never trained with it, only tested (Dice {_results(subset)})"
        return
    how = "never trained or tested with it" if subset.trained == 0 else "never tested with it"
    tested = [each for each in known if each.tested]
    listed = "; ".join(f"{each.name}, Dice {_results(each)}" for each in tested[:NAMED])
    more = f"; {len(tested) - NAMED} more are in MODEL_CARD.md" if len(tested) > NAMED else ""
    yield f"{subset.name}: the network was {how}; tested are {listed or 'none at all'}{more}"


def _results(subset: Subset) -> str:
    return " and ".join(
        f"{result.text} of {'seen' if result.seen else 'unseen'} centers" for result in subset.tested
    )


def _order(names: Sequence[str], modalities: Sequence[str]) -> tuple[int, list[int]]:
    return -len(names), [modalities.index(name) for name in names if name in modalities]
