"""The rule without training that a study is judged beside (`evaluation.rule`)."""

from __future__ import annotations

from pathlib import Path

from study.records import losses
from study.records.files import Record, RecordFile
from study.records.judged import JudgedFolder


class RuleResult(Record):
    """The content of `rule.json`.

    Attributes:
        contrast: of smoothed DWI over its local mean, from which on a voxel is bright.
        adc: smoothed, in 10⁻³ mm²/s, up to which a voxel is dark.
        value: the objective on validation subjects, cross-fitted like a trial's.
        seconds: that it took.
    """

    contrast: float
    adc: float
    value: float
    seconds: float


class RuleFolder(JudgedFolder):
    """The files of the rule.

    Attributes:
        result: its limits and its objective; written last.
    """

    def __init__(self, study: Path) -> None:
        super().__init__(study / "rule", losses.RULE)
        self.result: RecordFile[RuleResult] = RecordFile(self.path / "rule.json", RuleResult, losses.RULE)
