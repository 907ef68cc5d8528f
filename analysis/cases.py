"""The Dice of test subjects as arrays, of which tables are made."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from analysis.estimates import Values
from study.config import split_modalities

if TYPE_CHECKING:
    import pandas as pd

Texts = NDArray[np.object_]
SEEN = {True: "seen centers", False: "unseen centers"}


class Group(NamedTuple):
    """Cases that belong together, in the order of tables: seen centers first, fewer removed modalities first.

    Attributes:
        unseen: whether the center took no part in training.
        center: its name; "" for all centers together.
        order: number of modalities removed.
        removed: these.
    """

    unseen: bool
    center: str
    order: int
    removed: str

    @property
    def centers(self) -> str:
        """Whose subjects these are, in words."""
        return SEEN[not self.unseen]


@dataclass(frozen=True, eq=False)
class Cases:
    """Test subjects, each with some of its modalities; arrays have one entry a case.

    Attributes:
        center: of the subject.
        seen: whether the center took part in training.
        subject: the pseudonym.
        subset: the modalities given.
        removed: the modalities taken away.
        occlusion: proximal, distal, or "" where that is not known.
        dice: nan where it is not defined.
    """

    center: Texts
    seen: NDArray[np.bool_]
    subject: Texts
    subset: Texts
    removed: Texts
    occlusion: Texts
    dice: Values

    @classmethod
    def of(cls, rows: pd.DataFrame) -> Self:
        """The test subjects of one trial's rows.

        Args:
            rows: with the columns of `study.evaluation.rows.ResultRow`.

        Raises:
            ValueError: rows of several trials.
        """
        check_one_trial(rows)
        tested = np.flatnonzero(rows["split"].to_numpy(dtype=object) == "test")
        types = {"seen": bool, "dice": float}
        return cls(
            **{
                field.name: rows[field.name].to_numpy(dtype=types.get(field.name, object))[tested]
                for field in fields(cls)
            }
        )

    def __len__(self) -> int:
        return self.dice.size

    def take(self, places: NDArray[np.intp] | NDArray[np.bool_]) -> Cases:
        """Some of the cases."""
        return Cases(**{field.name: getattr(self, field.name)[places] for field in fields(self)})

    def groups(self, *, by_center: bool = False) -> Iterator[tuple[Group, Cases]]:
        """The cases by seen and unseen centers, or by each center, and by what was removed; in order."""
        orders = {removed: len(split_modalities(removed)) for removed in set(self.removed)}
        places: dict[Group, list[int]] = {}
        cells = zip(self.seen.tolist(), self.center, self.removed, strict=True)
        for place, (seen, center, removed) in enumerate(cells):
            group = Group(not seen, center if by_center else "", orders[removed], removed)
            places.setdefault(group, []).append(place)
        for group in sorted(places):
            yield group, self.take(np.array(places[group]))

    def by_subject(self) -> dict[str, float]:
        """The Dice of each subject.

        Raises:
            ValueError: a subject is there twice.
        """
        found = dict(zip(self.subject, self.dice.tolist(), strict=True))
        if len(found) < len(self):
            raise ValueError("rows must contain each subject and subset once; give the rows of one run")
        return found


def check_one_trial(rows: pd.DataFrame) -> None:
    """Raise ValueError for rows of several trials."""
    if rows["trial"].nunique() > 1:
        trials = ", ".join(map(str, sorted(rows["trial"].unique())))
        raise ValueError(f"rows must be those of one trial, got trials {trials}")
