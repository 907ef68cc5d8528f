"""How well a trial's network synthesises what it is not given."""

from __future__ import annotations

from collections.abc import Sequence

from analysis.tables import TESTED, Cell, Column, Table
from study.evaluation.metrics import SYNTHESES
from study.records.results import SynthesisMean

NOTE = (
    "Inside the brain; the range is that of the true modality there, and windows of SSIM are Gaussian, 11 × 11 voxels "
    "of a slice. Subjects without the modality, or in whom it is uniform, are left out; so is the PSNR of an exact "
    "synthesis. n: subjects with a value."
)


def synthesis_table(means: Sequence[SynthesisMean]) -> Table:
    """One line for each center, set of given modalities, and synthesised modality."""
    lines: list[tuple[Cell, ...]] = [
        (one.center, one.given, one.modality, one.subjects, one.psnr_db, one.ssim) for one in means
    ]
    columns = (Column(name, facts.heading, "number", facts.decimals) for name, facts in SYNTHESES.items())
    return Table(
        "synthesis",
        "Synthesis of removed modalities: mean over test subjects",
        (
            Column("center", "center"),
            Column("given", "given"),
            Column("modality", "synthesised"),
            Column("n", "n", "count"),
            *columns,
        ),
        tuple(lines),
        (NOTE, TESTED),
    )
