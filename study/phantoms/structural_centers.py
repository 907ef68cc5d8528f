"""Centers with structural images (T1, T1 with contrast agent, T2, PD, FLAIR): three for tumours, three for MS.

They are called after what the real sets call their sources, so that their files look like those of the sets.

Reported: echo, repetition and inversion times by vendor and field strength, with slices of 3 mm (the protocol of
MS-SMART, Connick et al., BMJ Open 2018); the modalities of each set, and 3 T at ISBI 2015 and UMCL (Liu et al. 2022); 5
patients with 21 examinations and two raters at ISBI 2015, 30 patients at UMCL; 53 patients on four scanners of 1.5 and
3 T at OFSEP (Commowick et al. 2021); grids of 240×240×155 (BraTS) and 181×217×181 voxels (ISBI 2015) of 1 mm.

Assumed, because BraTS does not report it by institution, or chosen for variety: everything else about CBICA, TCIA01 and
TCIA02; numbers of subjects, noise, bias, slices other than of 3 mm, orientation; T1-weighted images by inversion, whose
effective inversion time was set by the contrast of grey and white matter in two subjects of UMCL, as was the echo time
of its FLAIR.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from study.phantoms.centers import Range

Disease = Literal["tumour", "ms"]


@dataclass(frozen=True)
class Sequence:
    """Ranges of the parameters of one image.

    Attributes:
        tr_ms, te_ms: repetition and echo time.
        ti_ms: inversion time; None for a spin echo without inversion, or where `nulls_fluid`.
        nulls_fluid: inverted such that cerebrospinal fluid has no signal (FLAIR).
        slice_mm: thickness of axial slices.
        agent: acquired after a contrast agent.
    """

    tr_ms: Range
    te_ms: Range
    ti_ms: Range | None = None
    nulls_fluid: bool = False
    slice_mm: Range = (3.0, 3.0)
    agent: bool = False


@dataclass(frozen=True)
class Scanner:
    """A scanner with its protocol: sequences by modality."""

    vendor: str
    field_t: float
    snr: Range
    sequences: Mapping[str, Sequence]


@dataclass(frozen=True)
class Space:
    """The common grid on which the images of a set are stored.

    Attributes:
        orientation: voxel axis codes.
        shape_mm: extent along right, anterior and superior; None crops to the brain.
        origin_mm: position of the voxel that is furthest to the left, back and below.
        spacing_mm: of the small and the full cohort.
    """

    orientation: str
    shape_mm: tuple[int, int, int] | None = None
    origin_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)
    spacing_mm: tuple[float, float] = (2.0, 1.0)


@dataclass(frozen=True)
class StructuralCenter:
    """One source of structural images.

    Attributes:
        small, full: examinations of each patient, in the small and the full cohort.
        modalities: of every subject.
        scanners: with shares.
        bias: range of the receive field's unevenness that is left.
        load_ml: median volume of the lesions (without the oedema of tumours).
        low_grade: share of tumours of low grade.
        raters: who drew the lesions; of two, the second is written beside the first.
        whole_numbers: whether images are stored as integers.
    """

    name: str
    disease: Disease
    small: tuple[int, ...]
    full: tuple[int, ...]
    modalities: tuple[str, ...]
    scanners: tuple[tuple[Scanner, float], ...]
    space: Space
    bias: Range
    load_ml: float
    low_grade: float = 0.0
    raters: int = 1
    whole_numbers: bool = True

    @property
    def masks(self) -> tuple[str, ...]:
        """What is written beside the images; `regions` is a label map."""
        regions = ("regions",) if self.disease == "tumour" else ()
        return ("lesion", *regions, *(("second_rater",) if self.raters > 1 else ()), "brain")


def _inversion_t1(tr_ms: Range, ti_ms: Range, *, agent: bool = False) -> Sequence:
    return Sequence(tr_ms, (3, 5), ti_ms, slice_mm=(1.0, 1.2), agent=agent)


def _echo_t1(tr_ms: Range, te_ms: Range, slice_mm: Range, *, agent: bool = False) -> Sequence:
    return Sequence(tr_ms, te_ms, slice_mm=slice_mm, agent=agent)


def _flair(tr_ms: Range, te_ms: Range, slice_mm: Range) -> Sequence:
    return Sequence(tr_ms, te_ms, nulls_fluid=True, slice_mm=slice_mm)


_INVERTED = {
    "T1": _inversion_t1((2000, 2400), (980, 1120)),
    "T1c": _inversion_t1((2000, 2400), (980, 1120), agent=True),
}

_SIEMENS_3T = Scanner(
    "Siemens",
    3.0,
    (35, 55),
    _INVERTED
    | {
        "T2": Sequence((2700, 5000), (92, 102)),
        "PD": Sequence((2700, 2700), (11, 26)),
        "FLAIR": _flair((9000, 9500), (100, 125), (3.0, 3.0)),
    },
)
_SIEMENS_15T = Scanner(
    "Siemens",
    1.5,
    (24, 38),
    {
        "T1": _echo_t1((500, 560), (11, 13), (3.0, 4.0)),
        "T1c": _echo_t1((500, 560), (11, 13), (3.0, 4.0), agent=True),
        "T2": Sequence((2680, 4500), (84, 100), slice_mm=(3.0, 4.0)),
        "PD": Sequence((2680, 2680), (11, 13), slice_mm=(3.0, 4.0)),
        "FLAIR": _flair((9000, 9500), (115, 125), (3.0, 4.0)),
    },
)
_PHILIPS_3T = Scanner(
    "Philips",
    3.0,
    (32, 50),
    _INVERTED
    | {
        "T2": Sequence((2900, 4200), (85, 95)),
        "PD": Sequence((2900, 2900), (12, 14)),
        "FLAIR": _flair((9500, 11000), (115, 125), (3.0, 3.0)),
    },
)
_GE_15T = Scanner(
    "GE",
    1.5,
    (20, 34),
    {
        "T1": _echo_t1((550, 650), (14, 20), (4.5, 6.0)),
        "T1c": _echo_t1((550, 650), (14, 20), (4.5, 6.0), agent=True),
        "T2": Sequence((2900, 4500), (84, 104), slice_mm=(4.5, 6.0)),
        "FLAIR": _flair((9500, 10000), (122, 132), (4.5, 6.0)),
    },
)
_GE_3T = Scanner(
    "GE",
    3.0,
    (30, 48),
    _INVERTED
    | {
        "T2": Sequence((2600, 4500), (82, 100), slice_mm=(3.0, 5.0)),
        "PD": Sequence((2600, 2600), (20, 24)),
        "FLAIR": _flair((9500, 9500), (120, 130), (3.0, 5.0)),
    },
)
_UMCL = Scanner(
    "Siemens",
    3.0,
    (18, 28),
    {
        "T1": _inversion_t1((1950, 2050), (980, 1060)),
        "T1c": _inversion_t1((1950, 2050), (980, 1060), agent=True),
        "T2": Sequence((5900, 6100), (92, 100)),
        "FLAIR": _flair((4900, 5100), (148, 160), (1.0, 1.0)),
    },
)

_TUMOUR, _MS = ("T1", "T1c", "T2", "FLAIR"), ("T1", "T1c", "T2", "PD", "FLAIR")
_BRATS = Space("LPS", (240, 240, 155), (-239, 0, 0))

STRUCTURAL: dict[str, StructuralCenter] = {
    center.name: center
    for center in (
        StructuralCenter(
            name="CBICA",
            disease="tumour",
            small=(1,) * 16,
            full=(1,) * 88,
            modalities=_TUMOUR,
            scanners=((_SIEMENS_3T, 0.8), (_SIEMENS_15T, 0.2)),
            space=_BRATS,
            bias=(0.02, 0.06),
            load_ml=30.0,
            low_grade=0.2,
        ),
        StructuralCenter(
            name="TCIA01",
            disease="tumour",
            small=(1,) * 13,
            full=(1,) * 100,
            modalities=_TUMOUR,
            scanners=((_GE_15T, 0.8), (_GE_3T, 0.2)),
            space=_BRATS,
            bias=(0.03, 0.08),
            load_ml=30.0,
            low_grade=0.3,
        ),
        StructuralCenter(
            name="TCIA02",
            disease="tumour",
            small=(1,) * 11,
            full=(1,) * 97,
            modalities=_TUMOUR,
            scanners=((_PHILIPS_3T, 0.5), (_SIEMENS_15T, 0.5)),
            space=_BRATS,
            bias=(0.02, 0.08),
            load_ml=24.0,
            low_grade=0.3,
        ),
        StructuralCenter(
            name="ISBI",
            disease="ms",
            small=(4, 4, 5, 4, 4),
            full=(4, 4, 5, 4, 4),
            modalities=("T1", "T2", "PD", "FLAIR"),
            scanners=((_PHILIPS_3T, 1.0),),
            space=Space("RAS", (181, 217, 181), (-90, -126, -72)),
            bias=(0.01, 0.03),
            load_ml=10.0,
            raters=2,
            whole_numbers=False,
        ),
        StructuralCenter(
            name="UMCL",
            disease="ms",
            small=(1,) * 10,
            full=(1,) * 30,
            modalities=("T1", "T1c", "T2", "FLAIR"),
            scanners=((_UMCL, 1.0),),
            space=Space("LAS"),
            bias=(0.01, 0.03),
            load_ml=9.0,
        ),
        StructuralCenter(
            name="OFSEP",
            disease="ms",
            small=(1,) * 10,
            full=(1,) * 53,
            modalities=_MS,
            scanners=((_SIEMENS_15T, 0.3), (_SIEMENS_3T, 0.3), (_PHILIPS_3T, 0.2), (_GE_3T, 0.2)),
            space=Space("LPS"),
            bias=(0.02, 0.05),
            load_ml=9.0,
        ),
    )
}
