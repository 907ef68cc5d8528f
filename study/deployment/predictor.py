"""Predicts with a bundle: from NIfTI files of any subset of its modalities to a mask on their grid."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from study.cohort.aliases import find_stand_ins, substitute
from study.config import Imaging, Trainer
from study.deployment.bundle import Contents, build_network, read_bundle
from study.deployment.manifest import Manifest
from study.errors import ConfigError
from study.imaging.geometry import Centroid
from study.imaging.lesion import LesionCenter
from study.imaging.register import require_registration
from study.imaging.volume import Grid, Volume

if TYPE_CHECKING:
    import torch

    from study.imaging.prepared import Prepared

BRAIN, LESION = "brain", "lesion"  # masks that may be given beside the modalities


@dataclass(frozen=True, eq=False)
class Prediction:
    """What the network says about one subject.

    Attributes:
        mask: bool [D, H, W], RAS+, on the grid of `reference`.
        probability: float32 [D, H, W], on the same grid.
        grid: of both.
        reference: the input file whose grid it is.
        absent: modalities of the bundle that were not given.
        substituted: modality to the sequence that was given in its place.
        volume_ml: of the mask.
        lesion: center of mass, in voxels of `grid`, of the lesion that a thrombus is near; None where none is known.
    """

    mask: NDArray[np.bool_]
    probability: NDArray[np.float32]
    grid: Grid
    reference: Path
    absent: tuple[str, ...]
    substituted: Mapping[str, str]
    volume_ml: float
    lesion: Centroid | None = None

    @property
    def remarks(self) -> tuple[str, ...]:
        """What a reader of the mask must know of the input: "without B0", "with SWI in SWAN's place"."""
        absent = (f"without {', '.join(self.absent)}",) if self.absent else ()
        return (*absent, *(f"with {other} in {name}'s place" for name, other in self.substituted.items()))

    def write(self, mask: Path, probability: Path | None = None) -> None:
        """Write the mask, and on request the probability, as NIfTI in the reference's own orientation."""
        from study.imaging.write import write_mask, write_volume

        write_mask(mask, self.mask, self.reference)
        if probability is not None:
            write_volume(probability, self.probability, self.reference)


class Bundle:
    """A loaded bundle; see `load_bundle`."""

    def __init__(self, contents: Contents, device: torch.device) -> None:
        from study.training.loop import choose_precision

        self.manifest: Manifest = contents.manifest
        if self.manifest.preparation.registration == "rigid":
            require_registration()
        self._device = device
        self._network = build_network(contents).to(device)
        precision = choose_precision(Trainer(precision=self.manifest.inference.precision), device)
        self._autocast = None if precision.itemsize == 4 else precision

    def predict(
        self,
        images: Mapping[str, Path],
        *,
        brain: Path | None = None,
        lesion: Path | LesionCenter | None = None,
        name: str = "input",
    ) -> Prediction:
        """Predict one subject.

        Args:
            images: modality to NIfTI file, any non-empty subset of the bundle's modalities; where one is absent,
                a sequence that may stand in for it.
            brain: its brain mask; None derives one.
            lesion: for a bundle of thrombi, the mask of the lesion that they are near, or its center.
            name: what errors call the subject.

        Raises:
            ConfigError: no modality, one that the bundle does not know, or one beside its stand-in.
            CohortError: everything that is wrong with the files.
        """
        from study.evaluation.postprocessing import Subject, postprocess

        manifest = self.manifest
        _check_modalities(images, manifest)
        if lesion is not None and manifest.target == "lesion":
            raise ConfigError(["lesion: this bundle outlines lesions itself; leave it out"])
        stand_ins = find_stand_ins(images, manifest.modality_aliases)
        images = substitute(images, stand_ins)
        prepared = self._prepare(images, brain, lesion, name)
        probability = self._probability(prepared)
        absent = tuple(modality for modality in manifest.modalities if modality not in images)
        judged = Subject(prepared.native.spacing_mm, prepared.lesion)
        mask = postprocess(probability, manifest.postprocessing.of("+".join(absent)), judged)
        return Prediction(
            mask=mask,
            probability=probability,
            grid=prepared.native,
            reference=images[_reference(images, manifest)],
            absent=absent,
            substituted=stand_ins,
            volume_ml=float(np.count_nonzero(mask)) * judged.voxel_volume_ml,
            lesion=prepared.lesion,
        )

    def _prepare(
        self, images: Mapping[str, Path], brain: Path | None, lesion: Path | LesionCenter | None, name: str
    ) -> Prepared:
        """The subject as the study would have prepared it."""
        from study.imaging.prepare import prepare_images

        preparation = self.manifest.preparation
        masks = {BRAIN: brain, LESION: lesion if isinstance(lesion, Path) else None}
        return prepare_images(
            images,
            self.manifest.modalities,
            _imaging(self.manifest),
            preparation.spacing_mm,
            masks={mask: path for mask, path in masks.items() if path is not None},
            target=self.manifest.target,
            lesion=None if isinstance(lesion, Path) else lesion,
            landmarks=preparation.landmarks or None,
            subject=name,
        )

    def _probability(self, prepared: Prepared) -> NDArray[np.float32]:
        """What the network says, on the reference's own grid [D, H, W]."""
        from study.evaluation.inference import predict_probability

        inference = self.manifest.inference
        probability = predict_probability(
            self._network,
            prepared.windows,
            prepared.present,
            self.manifest.network["patch_size"],
            inference.overlap,
            inference.windows_per_batch,
            self._device,
            blending=inference.blending,
            autocast=self._autocast,
        )
        return prepared.to_native(probability)

    def find(
        self, images: Mapping[str, Path], *, brain: Path | None = None, name: str = "input"
    ) -> LesionCenter | None:
        """The middle of what is predicted; None if it is empty. The arguments are those of `predict`."""
        prediction = self.predict(images, brain=brain, name=name)
        return LesionCenter.of(Volume(prediction.mask, prediction.grid))


def load_bundle(path: Path, device: str = "auto") -> Bundle:
    """Load a bundle from a folder or a zip and verify it; no code in it is ever run.

    Raises:
        BundleError: it is missing, damaged, or of another format version.
        ConfigError: the device is none of auto, cpu, cuda, or is not there; it registers scans and ANTs is not
            installed.
    """
    contents = read_bundle(path)
    return Bundle(contents, choose_device(device))


def _check_modalities(images: Mapping[str, Path], manifest: Manifest) -> None:
    """Raise ConfigError unless there is one at least, all are the bundle's, and each is there in one form."""
    known = ", ".join(manifest.sequences)
    if unknown := [name for name in images if name not in manifest.sequences]:
        raise ConfigError([f"{name}: not a modality of this bundle; it knows {known}" for name in unknown])
    if not images:
        raise ConfigError([f"no modality is given; give at least one of {known} as NAME=file.nii.gz"])
    for modality, others in manifest.modality_aliases.items():
        both = [name for name in (modality, *others) if name in images]
        if len(both) > 1:
            what = f"{both[1]}: may stand in for {modality} and is given beside {both[0]}"
            raise ConfigError([f"{what}; give one of them"])


def _imaging(manifest: Manifest) -> Imaging:
    preparation = manifest.preparation
    return Imaging(
        reference=preparation.reference,
        registration=preparation.registration,
        normalisation=preparation.normalisation,
        crop_margin_mm=preparation.crop_margin_mm,
        in_plane_crop=preparation.in_plane_crop,
        own_slices=preparation.own_slices,
    )


def _reference(images: Mapping[str, Path], manifest: Manifest) -> str:
    """The modality whose grid is predicted on, as `study.imaging` chooses it."""
    order = (manifest.preparation.reference, *manifest.modalities)
    return next(name for name in order if name is not None and name in images)


def choose_device(name: str) -> torch.device:
    """Where a bundle computes: auto, cpu or cuda; raises ConfigError for another, or one that is not there."""
    import torch

    if name not in ("auto", "cpu", "cuda"):
        raise ConfigError([f"device: must be auto, cpu or cuda, got {name!r}"])
    if name == "cuda" and not torch.cuda.is_available():
        raise ConfigError(["device: cuda is asked for and this machine has none; use auto or cpu"])
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")
