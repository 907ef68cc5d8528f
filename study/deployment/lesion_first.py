"""Lesion first: a thrombus bundle gets the location of the lesion, from a mask or from a lesion bundle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from study.errors import ConfigError

if TYPE_CHECKING:
    from study.deployment.prediction import Prediction
    from study.deployment.predictor import Bundle, Implausible


@dataclass(frozen=True)
class LesionFirst:
    """A bundle, and optionally one that finds lesions for it.

    Attributes:
        bundle: makes the prediction.
        finder: finds lesions; None if no such bundle is given.
    """

    bundle: Bundle
    finder: Bundle | None = None

    def __post_init__(self) -> None:
        """Raise ConfigError unless the bundles fit together."""
        if self.finder is None:
            return
        if self.bundle.manifest.target == "lesion":
            raise ConfigError(["lesion_bundle: the bundle segments lesions itself; leave it out"])
        if (target := self.finder.manifest.target) != "lesion":
            raise ConfigError([f"lesion_bundle: it segments the {target}; give a bundle of lesions"])

    @property
    def needs_lesion(self) -> bool:
        """Whether the post-processing uses the location of the lesion."""
        chains = self.bundle.manifest.postprocessing
        return any(
            "near_lesion" in chain.steps for chain in (chains.full, chains.missing) if chain is not None
        )

    @property
    def others(self) -> tuple[str, ...]:
        """Modalities that only the lesion bundle takes."""
        modalities = () if self.finder is None else self.finder.manifest.modalities
        return tuple(name for name in modalities if name not in self.bundle.manifest.modalities)

    def predict(
        self,
        images: Mapping[str, Path],
        *,
        brain: Path | None = None,
        lesion: Path | None = None,
        name: str = "input",
        implausible: Implausible = "error",
    ) -> Prediction:
        """Predict one subject; without `lesion`, the mask of its lesion, the finder looks for the lesion.

        Other arguments and exceptions are those of `Bundle.predict`; images may belong to either bundle.
        """
        own = {modality: path for modality, path in images.items() if modality not in self.others}
        if lesion is not None or self.finder is None:
            return self.bundle.predict(own, brain=brain, lesion=lesion, name=name, implausible=implausible)
        known = self.finder.manifest.modalities
        theirs = {modality: images[modality] for modality in known if modality in images}
        if not theirs:
            return self.bundle.predict(own, brain=brain, name=name, implausible=implausible)
        found = self.finder.predict(theirs, brain=brain, name=name, implausible=implausible)
        prediction = self.bundle.predict(
            own, brain=brain, lesion=found.center, name=name, implausible=implausible
        )
        also = tuple(f"lesion_bundle: {text}" for text in found.warnings if text not in prediction.warnings)
        return replace(prediction, warnings=(*prediction.warnings, *also))
