"""Section `cohort.phantom.dirt`: what phantoms have of the disorder of real scans."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from study.config.section import Fraction, NotNegative, Positive, Section

RangeMm = tuple[Positive, Positive]


class Dirt(Section):
    """What phantoms have of the disorder of real scans; the defaults add nothing to the clean simulation."""

    step_mm: Annotated[float, Field(ge=0.8, le=2.5)] | None = Field(
        None, description="of the grid on which brains are built; null: 1.7 for size=small, 1 for full"
    )
    in_plane_mm: RangeMm | None = Field(
        None, description="range of the in-plane spacing of diffusion images; null: the center's"
    )
    slice_mm: RangeMm | None = Field(
        None, description="range of the slice thickness of diffusion images; null: the center's"
    )
    noise: Positive = Field(1.0, description="factor of the noise in B0 and DWI, from which ADC is computed")
    b0_noise: Positive = Field(
        1.0, description="further factor of the noise in B0, of which there is one image"
    )
    noise_spread: NotNegative = Field(
        0.0, description="standard deviation of the logarithm of that factor over subjects"
    )
    ringing: Fraction = Field(
        0.0, description="share of Gibbs ringing: truncated k-space instead of averages over voxels"
    )
    blur: NotNegative = Field(1.0, description="factor of the in-plane point spread of diffusion images")
    slice_blur: NotNegative = Field(
        0.35, description="standard deviation of the slice profile of diffusion images, in slices"
    )
    bias: NotNegative = Field(1.0, description="factor of the receive field's unevenness")
    texture: NotNegative = Field(
        0.0, description="relative standard deviation of tissue's signal, T2 and ADC over 5, 10 and 22 mm"
    )
    detail: NotNegative = Field(
        0.0, description="relative standard deviation of tissue's signal in B0 and DWI alike over 3.5 mm"
    )
    motion_mm: NotNegative = Field(
        0.3, description="standard deviation of the shift between B0 and DWI along each axis"
    )
    bright_zones: NotNegative = Field(
        0.0,
        description="brightness of DWI near air on both sides (petrous temporal, frontal midline), of the insula, the "
        "cortex and the cerebellum; 1: as in real scans",
    )
    shine_through: NotNegative = Field(
        0.0, description="mean number of spots that are bright in DWI by their T2, with ADC above normal"
    )
    dark_spots: NotNegative = Field(0.0, description="mean number of spots of low ADC that DWI does not show")
    varied_lesions: bool = Field(
        False,
        description="ADC of 0.35 to 0.7, contrast from barely visible to saturated, soft and heterogeneous edges, "
        "whatever the time since onset",
    )
    drawn_masks: bool = Field(
        False,
        description="lesion masks as experts draw them: slice by slice, with smooth outlines that run through sulci, a "
        "little too large or too small; false: every voxel of which the lesion takes most",
    )
    without_lesion: Fraction = Field(0.0, description="share of annotated subjects who have none")

    @model_validator(mode="after")
    def _ordered(self) -> Dirt:
        for name in ("in_plane_mm", "slice_mm"):
            limits = getattr(self, name)
            if limits is not None and limits[0] > limits[1]:
                raise ValueError(f"{name}: write the smaller value first: [{limits[1]:g}, {limits[0]:g}]")
        return self
