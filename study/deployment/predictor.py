"""Predicts with a bundle: from NIfTI files of any subset of its modalities to a mask on their grid."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from study.cohort.aliases import find_stand_ins, substitute
from study.config import Imaging
from study.config.imaging import MOST_VOXELS
from study.config.nearest import did_you_mean
from study.deployment.bundle import Contents, build_network, read_bundle
from study.deployment.manifest import Manifest
from study.deployment.subsets import untested
from study.errors import CohortError, ConfigError
from study.evaluation.components import label_components
from study.imaging.geometry import Centroid
from study.imaging.impute import sources_of
from study.imaging.lesion import LesionCenter
from study.imaging.register import require_registration
from study.imaging.volume import Grid, Volume
from study.machine.runtime import Runtime

if TYPE_CHECKING:
    from study.imaging.prepared import Prepared

Implausible = Literal["error", "warn"]

OVERRIDE = "implausible=warn predicts all the same"
BRAIN, LESION = "brain", "lesion"  # optional masks besides the modalities


@dataclass(frozen=True, eq=False)
class Prediction:
    """The prediction for one subject.

    Attributes:
        mask: bool [D, H, W], RAS+, on the grid of `reference`.
        probability: float32 [D, H, W], on the same grid.
        grid: of mask and probability.
        reference: the input file that has this grid.
        absent: modalities of the bundle that were not given.
        computed: those of them that were computed from others.
        substituted: modality to the sequence that was given in its place.
        volume_ml: of the mask.
        warnings: why not to rely on the prediction: implausible images, a subset that was not tested.
        lesion: center of mass, in voxels of `grid`, of the lesion used to locate a thrombus; None if unknown.
    """

    mask: NDArray[np.bool_]
    probability: NDArray[np.float32]
    grid: Grid
    reference: Path
    absent: tuple[str, ...]
    substituted: Mapping[str, str]
    volume_ml: float
    lesion: Centroid | None = None
    warnings: tuple[str, ...] = ()
    computed: tuple[str, ...] = ()

    @property
    def remarks(self) -> tuple[str, ...]:
        """What a reader of the mask must know about the input: "without B0", "with SWI in SWAN's place"."""
        missing = [name for name in self.absent if name not in self.computed]
        absent = (f"without {', '.join(missing)}",) if missing else ()
        computed = (f"with {name} computed from {' and '.join(sources_of(name))}" for name in self.computed)
        stand_ins = (f"with {other} in {name}'s place" for name, other in self.substituted.items())
        return (*absent, *computed, *stand_ins)

    @property
    def components_ml(self) -> tuple[float, ...]:
        """The volumes of the mask's 26-connected components."""
        labels, count = label_components(self.mask)
        sizes = np.bincount(labels[self.mask], minlength=count + 1)[1:]
        return tuple((sizes * self.grid.voxel_volume_ml).tolist())

    @property
    def center(self) -> LesionCenter | None:
        """The center of mass of the mask; None if it is empty."""
        return LesionCenter.of(Volume(self.mask, self.grid))

    def write(self, mask: Path | str, probability: Path | str | None = None) -> None:
        """Write the mask, and optionally the probability, as NIfTI in the orientation of the reference."""
        from study.imaging.write import write_mask, write_volume

        write_mask(Path(mask), self.mask, self.reference)
        if probability is not None:
            write_volume(Path(probability), self.probability, self.reference)


class Bundle:
    """A loaded bundle; see `load_bundle`."""

    def __init__(self, contents: Contents, runtime: Runtime, most_voxels: int = MOST_VOXELS) -> None:
        self.manifest: Manifest = contents.manifest
        if self.manifest.preparation.registration == "rigid":
            require_registration()
        self._runtime = runtime
        self._imaging = _imaging(self.manifest, most_voxels)
        self._networks = [
            build_network(contents, place).to(runtime.device) for place in range(len(self.manifest.networks))
        ]

    def predict(
        self,
        images: Mapping[str, Path | str],
        *,
        brain: Path | None = None,
        lesion: Path | LesionCenter | None = None,
        name: str = "input",
        implausible: Implausible = "error",
    ) -> Prediction:
        """Predict one subject.

        Args:
            images: modality to NIfTI file, for any non-empty subset of the bundle's modalities; a stand-in may
                replace an absent one.
            brain: the brain mask; None derives one.
            lesion: for a thrombus bundle, the mask or the center of the lesion used to locate thrombi.
            name: of the subject, for errors.
            implausible: response to images that cannot be what they claim to be: `error` or `warn`.

        Raises:
            ConfigError: no modality is given, an unknown one, or one together with its stand-in.
            CohortError: lists every problem with the files, implausible images included.
        """
        from study.cohort.availability import Availability
        from study.evaluation.cross_center import computed_in
        from study.evaluation.postprocessing import postprocess
        from study.evaluation.steps.context import context_of

        manifest = self.manifest
        _check_choice(implausible)
        files = {modality: Path(file) for modality, file in images.items()}
        _check_modalities(files, manifest)
        if lesion is not None and manifest.target == "lesion":
            raise ConfigError(["lesion: this bundle segments lesions itself; leave it out"])
        stand_ins = find_stand_ins(files, manifest.modality_aliases)
        files = substitute(files, stand_ins)
        prepared = self._prepare(files, brain, lesion, name)
        doubts = self._doubts(prepared, files, name, implausible)
        probability = self._probability(prepared)
        given = tuple(modality for modality in manifest.modalities if modality in files)
        availability = Availability(manifest.modalities, given)
        settings = manifest.postprocessing.of(availability)
        context = context_of(prepared, availability, settings)
        mask = postprocess(probability, settings, context)
        return Prediction(
            mask=mask,
            probability=probability,
            grid=prepared.native,
            reference=files[_reference(files, manifest)],
            absent=availability.absent,
            substituted=stand_ins,
            volume_ml=float(np.count_nonzero(mask)) * context.voxel_volume_ml,
            lesion=prepared.lesion,
            warnings=(*doubts, *untested(given, manifest.subsets)),
            computed=computed_in(prepared, availability),
        )

    def _doubts(
        self, prepared: Prepared, files: Mapping[str, Path], name: str, implausible: Implausible
    ) -> tuple[str, ...]:
        """What is implausible about the images; raises CohortError if it is certain and an error."""
        from study.imaging.likeness import assess

        found = assess(prepared.intensities, self.manifest.fingerprint) if prepared.intensities else ()
        if implausible == "error" and (certain := [each for each in found if each.certain]):
            raise CohortError([each.problem(name, files, OVERRIDE) for each in certain])
        return tuple(each.what for each in found)

    def _prepare(
        self, images: Mapping[str, Path], brain: Path | None, lesion: Path | LesionCenter | None, name: str
    ) -> Prepared:
        """Prepare the subject as the study would."""
        from study.imaging.prepare import prepare_images

        preparation = self.manifest.preparation
        masks = {BRAIN: brain, LESION: lesion if isinstance(lesion, Path) else None}
        return prepare_images(
            images,
            self.manifest.modalities,
            self._imaging,
            preparation.spacing_mm,
            masks={mask: path for mask, path in masks.items() if path is not None},
            target=self.manifest.target,
            lesion=None if isinstance(lesion, Path) else lesion,
            landmarks=preparation.landmarks or None,
            b_s_mm2=preparation.computing_b_s_mm2 or preparation.channels_b_s_mm2,
            imputes=preparation.computing_b_s_mm2 is not None,
            subject=name,
        )

    def _probability(self, prepared: Prepared) -> NDArray[np.float32]:
        """The probability map, of an ensemble the mean, on the grid of the reference [D, H, W]."""
        from study.evaluation.inference import predict_probability

        inference = self.manifest.inference
        windows, seen = prepared.seen(prepared.present)
        mean = np.zeros(prepared.grid.shape, np.float32)
        known = zip(self._networks, self.manifest.networks, self.manifest.shares, strict=True)
        for network, one, share in known:
            probability = predict_probability(
                network,
                windows,
                seen,
                one.network["patch_size"],
                inference.overlap,
                inference.windows_per_batch,
                self._runtime,
                blending=inference.blending,
                mirror=inference.mirror,
            )
            mean += np.float32(share) * probability
        return prepared.to_native(mean)

    def find(
        self,
        images: Mapping[str, Path],
        *,
        brain: Path | None = None,
        name: str = "input",
        implausible: Implausible = "error",
    ) -> LesionCenter | None:
        """The center of mass of the predicted mask; None if it is empty. Arguments are those of `predict`."""
        return self.predict(images, brain=brain, name=name, implausible=implausible).center


def load_bundle(path: Path | str, device: str = "auto", most_voxels: int = MOST_VOXELS) -> Bundle:
    """Load and verify a bundle from a folder or a zip; never runs code from it.

    Args:
        path: of the folder or zip.
        device: auto, cpu or cuda.
        most_voxels: `imaging.most_voxels`; a scan with more is refused. No bundle holds it: it is the reader's limit.

    Raises:
        BundleError: the bundle is missing, damaged, or of another format version.
        ConfigError: the device is not one of auto, cpu, cuda, or not available; the bundle registers scans and ANTs
            is not installed.
    """
    contents = read_bundle(Path(path))
    runtime = Runtime.choose(device, contents.manifest.inference.precision, "device")
    return Bundle(contents, runtime, most_voxels)


def _check_choice(implausible: str) -> None:
    if implausible not in (known := get_args(Implausible)):
        raise ConfigError([f"implausible: must be one of {', '.join(known)}, got {implausible!r}"])


def _check_modalities(images: Mapping[str, Path], manifest: Manifest) -> None:
    """Raise ConfigError unless images are given, all are known to the bundle, and none beside its stand-in."""
    known = ", ".join(manifest.sequences)
    if unknown := [name for name in images if name not in manifest.sequences]:
        told = "not a modality of this bundle; it knows"
        raise ConfigError(
            [f"{name}: {told} {known}{did_you_mean(name, manifest.sequences)}" for name in unknown]
        )
    if not images:
        raise ConfigError([f"no modality is given; give at least one of {known} as NAME=file.nii.gz"])
    for modality, others in manifest.modality_aliases.items():
        both = [name for name in (modality, *others) if name in images]
        if len(both) > 1:
            what = f"{both[1]}: may stand in for {modality} and is given beside {both[0]}"
            raise ConfigError([f"{what}; give one of them"])


def _imaging(manifest: Manifest, most_voxels: int) -> Imaging:
    preparation = manifest.preparation
    return Imaging(
        reference=preparation.reference,
        registration=preparation.registration,
        normalisation=preparation.normalisation,
        interpolation=preparation.interpolation,
        crop_margin_mm=preparation.crop_margin_mm,
        in_plane_crop=preparation.in_plane_crop,
        own_slices=preparation.own_slices,
        channels=preparation.channels,
        most_voxels=most_voxels,
    )


def _reference(images: Mapping[str, Path], manifest: Manifest) -> str:
    """The modality whose grid the prediction uses, chosen as in `study.imaging`."""
    order = (manifest.preparation.reference, *manifest.modalities)
    return next(name for name in order if name is not None and name in images)
