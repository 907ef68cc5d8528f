"""What steps read of a subject: of one that is predicted, and of one whose probabilities are kept."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from study.cohort.availability import Availability
from study.config import Postprocessing
from study.evaluation.images import ImageValues
from study.evaluation.kept import KeptCase
from study.evaluation.steps import find_step
from study.evaluation.steps.step import StepContext
from study.imaging.prepared import Prepared
from study.imaging.values import native_values

__all__ = ["context_of", "context_of_kept", "given_images", "images_read"]


def context_of(prepared: Prepared, availability: Availability, settings: Postprocessing) -> StepContext:
    """What the steps of a chain read of a subject that is predicted from these modalities."""
    images = given_images(prepared, availability, images_read(settings))
    return StepContext(prepared.native.spacing_mm, prepared.lesion, images)


def context_of_kept(case: KeptCase) -> StepContext:
    """What steps read of a kept case."""
    return StepContext(case.spacing_mm, case.lesion, case.full_images())


def images_read(settings: Postprocessing) -> tuple[str, ...]:
    """The modalities whose images the steps of a chain read, each once."""
    paths = [path for step in settings.steps if (path := find_step(step).image) is not None]
    return tuple(dict.fromkeys(_value_at(settings, path) for path in paths))


def given_images(
    prepared: Prepared,
    availability: Availability,
    wanted: Collection[str],
    known: Sequence[ImageValues] = (),
) -> tuple[ImageValues, ...]:
    """The images of some modalities, as far as they are given; what is computed in the place of one is none.

    Args:
        prepared: the subject.
        availability: the modalities that the network is given.
        wanted: names of modalities.
        known: images of this subject that were made before.
    """
    made = {image.modality: image for image in known}
    return tuple(
        made.get(name) or ImageValues(name, native_values(prepared, name, channel))
        for channel, name in enumerate(availability.modalities)
        if name in wanted and name in availability.given and prepared.present[channel]
    )


def _value_at(settings: Postprocessing, path: str) -> str:
    value = settings
    for name in path.split("."):
        value = getattr(value, name)
    return str(value)
