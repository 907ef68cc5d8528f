"""Numbers and names in sentences."""

from __future__ import annotations

from collections.abc import Sequence

from analysis.cases import SEEN
from analysis.estimates import SIGNIFICANT, Estimate
from analysis.rendering import shown_estimate, shown_p
from study.config import Config, split_modalities


def listed(names: Sequence[str]) -> str:
    """`A`, `A and B`, `A, B and C`."""
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def counted(number: int, noun: str) -> str:
    """`1 trial`, `2 trials`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def given(removed: str) -> str:
    """Which modalities the network had: `with all they have`, `without B0`."""
    return f"without {listed(split_modalities(removed))}" if removed else "with all they have"


def where(centers: str, config: Config) -> str:
    """Whose subjects: `the seen centers`, `the unseen center ISLES`."""
    unseen = config.cohort.unseen
    if centers == SEEN[True] or not unseen:
        return f"the {centers}"
    return f"the unseen center{'s' if len(unseen) > 1 else ''} {listed(unseen)}"


def verdict(difference: Estimate, p: float | None, other: str) -> str:
    """What a difference to another system tells, and how sure it is.

    Args:
        difference: ours minus the other's, on the same subjects.
        p: adjusted for all comparisons of its table; None where there are too few subjects.
        other: who that is.
    """
    shown = f"difference {shown_estimate(difference, signed=True)}, n = {difference.n}"
    if difference.interval is None or p is None:
        return f"too few subjects to tell from {other} ({shown})"
    apart = p < SIGNIFICANT and not difference.interval.low <= 0 <= difference.interval.high
    which = "better" if difference.mean > 0 else "worse"
    said = f"{which} than {other}" if apart else f"not distinguishable from {other}"
    return f"{said} ({shown}, adjusted {shown_p(p)})"


def setting(value: object) -> str:
    """The value of a setting."""
    if isinstance(value, list | tuple):
        return ", ".join(map(setting, value))
    return f"{value:.4g}" if isinstance(value, float) else str(value)
