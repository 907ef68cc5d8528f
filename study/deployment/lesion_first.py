"""Lesion first: the bundle of thrombi is told where the lesion is, by a file or by a bundle of lesions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from study.errors import ConfigError

if TYPE_CHECKING:
    from study.deployment.predictor import Bundle, Prediction


@dataclass(frozen=True)
class LesionFirst:
    """A bundle, and the one that finds lesions for it.

    Attributes:
        bundle: predicts.
        finder: of lesions; None where none is given.
    """

    bundle: Bundle
    finder: Bundle | None = None

    def __post_init__(self) -> None:
        """Raise ConfigError unless the bundles fit together."""
        if self.finder is None:
            return
        if self.bundle.manifest.target == "lesion":
            raise ConfigError(["lesion_bundle: the bundle outlines lesions itself; leave it out"])
        if (target := self.finder.manifest.target) != "lesion":
            raise ConfigError([f"lesion_bundle: it outlines the {target}; give a bundle of lesions"])

    @property
    def needs_lesion(self) -> bool:
        """Whether it is of use to know where the lesion is: the post-processing measures from it."""
        chains = self.bundle.manifest.postprocessing
        return any(
            "near_lesion" in chain.steps for chain in (chains.full, chains.missing) if chain is not None
        )

    @property
    def others(self) -> tuple[str, ...]:
        """Modalities that only the finder of lesions takes."""
        modalities = () if self.finder is None else self.finder.manifest.modalities
        return tuple(name for name in modalities if name not in self.bundle.manifest.modalities)

    def predict(
        self,
        images: Mapping[str, Path],
        *,
        brain: Path | None = None,
        lesion: Path | None = None,
        name: str = "input",
    ) -> Prediction:
        """Predict one subject; `lesion` is its mask, without which the finder looks for it.

        The other arguments, and what is raised, are those of `Bundle.predict`; images may be of both bundles.
        """
        own = {modality: path for modality, path in images.items() if modality not in self.others}
        if lesion is not None or self.finder is None:
            return self.bundle.predict(own, brain=brain, lesion=lesion, name=name)
        known = self.finder.manifest.modalities
        theirs = {modality: images[modality] for modality in known if modality in images}
        found = self.finder.find(theirs, brain=brain, name=name) if theirs else None
        return self.bundle.predict(own, brain=brain, lesion=found, name=name)
