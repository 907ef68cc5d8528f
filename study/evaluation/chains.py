"""The post-processing of a trained network: one chain, or one for subjects with all modalities and one for others."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from study.config import Postprocessing, Section, Step


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

    def in_words(self) -> dict[str, list[str]]:
        """What is done, a line for each step, by whom it is done for."""
        if self.missing is None:
            return {"every subject": in_words(self.full)}
        return {
            "subjects with all modalities": in_words(self.full),
            "subjects without some": in_words(self.missing),
        }


def absent_of(subset: str, modalities: Sequence[str]) -> str:
    """What a network is not given of its modalities with `DWI+ADC`, whether taken away or never there: `B0`."""
    given = subset.split("+")
    return "+".join(name for name in modalities if name not in given)


def in_words(settings: Postprocessing) -> list[str]:
    """What a chain does, a line for each step that can change something, in their order."""
    lines = (_WORDS[step](settings) for step in settings.steps)
    return [line for line in lines if line]


def _remove_small(settings: Postprocessing) -> str:
    voxels, ml = settings.remove_small.voxels, settings.remove_small.ml
    limits = [f"{voxels} voxels"] * (voxels > 1) + [f"{ml:.3g} mL"] * (ml > 0)
    return f"components below {' or below '.join(limits)} are removed" if limits else ""


def _keep_biggest(settings: Postprocessing) -> str:
    ratio = settings.keep_biggest.ratio
    return f"components smaller than {ratio:.3g} times the largest are removed" if ratio > 0 else ""


def _near_lesion(settings: Postprocessing) -> str:
    limits = settings.near_lesion
    named = ((limits.voxels, "voxels"), (limits.mm, "mm"))
    farther = " or ".join(f"{limit:.3g} {unit}" for limit, unit in named if limit is not None)
    return (
        f"components more than {farther} farther from the lesion (between centers of mass) than the closest one "
        "are removed; skipped where no lesion is known"
    )


_WORDS: dict[Step, Callable[[Postprocessing], str]] = {
    "threshold": lambda settings: f"voxels with a probability of at least {settings.threshold:.3g} are taken",
    "remove_small": _remove_small,
    "keep_biggest": _keep_biggest,
    "near_lesion": _near_lesion,
    "grow": lambda settings: (
        f"voxels with a probability of at least {settings.grow.threshold:.3g} that are connected to these are added"
    ),
    "fill_holes": lambda _: "holes are filled",
}
