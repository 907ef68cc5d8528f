"""The post-processing of a trained network: one chain, or one for subjects with all modalities and one for others."""

from __future__ import annotations

from collections.abc import Sequence

from study.config import Postprocessing, Section


class Chains(Section):
    """Which chain a prediction is post-processed with.

    Attributes:
        full: where the network was given all its modalities.
        missing: where it was not; None: as `full`.
    """

    full: Postprocessing
    missing: Postprocessing | None = None

    def of(self, absent: str) -> Postprocessing:
        """The chain for a subject without these modalities, `B0`; "" for one that has all (see `absent_of`)."""
        return self.missing if absent and self.missing is not None else self.full


def absent_of(subset: str, modalities: Sequence[str]) -> str:
    """What a network is not given of its modalities with `DWI+ADC`, whether taken away or never there: `B0`."""
    given = subset.split("+")
    return "+".join(name for name in modalities if name not in given)
