"""Predicts with a bundle: from NIfTI files of any subset of its modalities to a mask on their grid."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from study.cohort.aliases import find_stand_ins, substitute
from study.cohort.records import Labels
from study.config import Imaging
from study.config.imaging import MOST_VOXELS
from study.config.nearest import did_you_mean
from study.deployment.bundle import Contents, build_network, read_bundle
from study.deployment.manifest import Manifest
from study.deployment.prediction import Prediction
from study.deployment.shipped import located
from study.deployment.subsets import untested
from study.errors import CohortError, ConfigError
from study.imaging.lesion import LesionCenter
from study.imaging.register import require_registration
from study.machine.runtime import Runtime

if TYPE_CHECKING:
    from study.imaging.prepared import Prepared

Implausible = Literal["error", "warn"]

OVERRIDE = "implausible=warn predicts all the same"
BRAIN, LESION = "brain", "lesion"  # optional masks besides the modalities


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
        target: Path | None = None,
        labels: Labels | None = None,
        name: str = "input",
        implausible: Implausible = "error",
    ) -> Prediction:
        """Predict one subject.

        Args:
            images: modality to NIfTI file, for any non-empty subset of the bundle's modalities; a stand-in may
                replace an absent one.
            brain: the brain mask; None derives one.
            lesion: for a thrombus bundle, the mask or the center of the lesion used to locate thrombi.
            target: the reference mask, to compare with; it changes nothing of the prediction.
            labels: those of the reference mask, where it is a label map.
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
        masks = {BRAIN: brain, LESION: lesion if isinstance(lesion, Path) else None}
        masks |= {} if target is None else {manifest.target: target}
        center = lesion if isinstance(lesion, LesionCenter) else None
        prepared = self._prepare(files, masks, center, labels, name)
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
            target=None if prepared.native_target is None else prepared.native_target.astype(bool),
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
        self,
        images: Mapping[str, Path],
        masks: Mapping[str, Path | None],
        lesion: LesionCenter | None,
        labels: Labels | None,
        name: str,
    ) -> Prepared:
        """Prepare the subject as the study would."""
        from study.imaging.prepare import prepare_images

        preparation = self.manifest.preparation
        return prepare_images(
            images,
            self.manifest.modalities,
            self._imaging,
            preparation.spacing_mm,
            masks={mask: path for mask, path in masks.items() if path is not None},
            target=self.manifest.target,
            lesion=lesion,
            labels=labels,
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
        path: of the folder or zip; `rule` for the one that comes with the package.
        device: auto, cpu or cuda.
        most_voxels: `imaging.most_voxels`; a scan with more is refused. No bundle holds it: it is the reader's limit.

    Raises:
        BundleError: the bundle is missing, damaged, or of another format version.
        ConfigError: the device is not one of auto, cpu, cuda, or not available; the bundle registers scans and ANTs
            is not installed.
    """
    contents = read_bundle(located(Path(path)))
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
