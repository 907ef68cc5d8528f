"""One line of a trial's results: how well one subject is segmented from one availability subset."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal

from study.evaluation.metrics import Scores

ENSEMBLE, RULE = -1, -2  # in place of a trial's number
Split = Literal["validation", "test", "control"]


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """Which prediction a row is about.

    Attributes:
        trial: its number; ENSEMBLE for the mean of several, RULE for the rule without training.
        split: control scans are tested apart from test subjects.
        center: where the subject was acquired.
        seen: whether the network learnt from subjects of this center.
        subject: the pseudonym.
        subset: the modalities given, `DWI+ADC`, in the cohort's order.
        removed: the modalities taken away, `B0`; "" where the network is given all that the subject has.
        occlusion: proximal, distal, or "" where that is not known.
        substituted: stand-ins among the modalities given, `SWAN=SWI`; "" where there are none.
        mirrored: axes of mirroring at test time, `left_right+head_foot`; "" without.
        computed: modalities that are not given and whose images are computed from those that are, `B0`; "" where there
            are none (`imputation.kind`).
    """

    trial: int
    split: Split
    center: str
    seen: bool
    subject: str
    subset: str
    removed: str
    occlusion: str
    substituted: str
    mirrored: str
    computed: str = ""


@dataclass(frozen=True, kw_only=True)
class ResultRow(Scores, Prediction):
    """How well one trial segments one subject from one availability subset; first what it is about, then the metrics.

    Attributes:
        calibration_error: of the probabilities before post-processing, which the mask of the other metrics is made of.
        extra: values of metrics from other packages, by column.
    """

    calibration_error: float
    extra: Mapping[str, float] = field(default_factory=dict)

    def cells(self) -> dict[str, Any]:
        """The row's cells by column; `extra` adds a column for each of its metrics."""
        own = asdict(self)
        return own | dict(own.pop("extra"))


def columns() -> Iterator[str]:
    """The columns that every row has, in order."""
    return (each.name for each in fields(ResultRow) if each.name != "extra")
