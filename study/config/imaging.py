"""Section `imaging`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from study.config.known import known
from study.config.mistakes import plain
from study.config.section import LIST_OF_ONE, Count, LocalPath, NotNegative, Positive, Section

Interpolation = Literal["linear", "cubic"]
Normalisation = Literal["zscore", "nyul", "units"]
MOST_VOXELS = 512**3  # a head at 0.35 mm; 0.6 GB as float32, of which preparing needs a few copies


def _each_once(names: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(names)) < len(names):
        raise plain(f"must name each channel once, got {', '.join(names)}")
    return names


Channels = Annotated[tuple[Annotated[str, known("channels")], ...], LIST_OF_ONE, AfterValidator(_each_once)]


class Imaging(Section):
    """From files to the arrays that all trials share."""

    spacing_mm: tuple[Positive, Positive, Positive] | None = Field(
        None, description="[slices, rows, columns]; null: planned from the training subjects as nnU-Net does"
    )
    reference: str | None = Field(
        None,
        description="modality on whose grid predictions are made; null: the first of cohort.modalities that is "
        "present",
    )
    registration: Literal["headers", "rigid"] = Field(
        "headers",
        description="position of diffusion images: as in their headers, or registered to the reference (needs "
        "antspyx)",
    )
    normalisation: Normalisation = Field(
        "zscore",
        description="of intensities inside the brain; units: ADC in 10⁻³ mm²/s, any other divided by its mean there",
    )
    implausible: Literal["error", "warn"] = Field(
        "error",
        description="response to images that cannot be what they claim to be, such as exchanged DWI and ADC",
    )
    interpolation: Interpolation = Field(
        "cubic", description="of images, where they are brought to another spacing or position"
    )
    crop_margin_mm: NotNegative = Field(0.0, description="kept around the brain, where images are 0")
    in_plane_crop: tuple[Count, Count] | None = Field(
        None,
        description="rows and columns, in voxels, around the brain's centre of mass; null: the box around the brain",
    )
    own_slices: tuple[str, ...] = Field(
        (),
        description="modalities that recurrent networks see in slices of their own spacing, around the same position",
    )
    channels: Channels = Field(
        (),
        description="further inputs of the network, computed from modalities; the b-value that they take is "
        "imputation.b_value_s_mm2",
    )
    most_voxels: Count = Field(
        MOST_VOXELS,
        description="of one scan, as stored or as prepared; a larger one is refused before it takes any memory",
    )
    cache: LocalPath | None = Field(None, description="folder of prepared subjects; null: <study.root>/cache")
