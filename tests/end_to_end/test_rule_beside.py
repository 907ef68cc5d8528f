"""A study's winner beside the rule without training, which is computed here anew from the files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from study.records import StudyFolder
from study.workflow.interface import train_once

Rows = list[dict[str, str]]
pytestmark = pytest.mark.slow
VOXEL_MM = np.array([3.0, 3.0, 4.0])
KEPT = ["evaluation.postprocessing_trials=0"]


def read(path: str) -> NDArray[np.float64]:
    return np.asarray(nib.load(path).get_fdata())  # type: ignore[attr-defined]


def dice_of_the_rule(row: dict[str, str], given: str) -> float:
    """Dice of DWI ≥ 1.2 local means and ADC ≤ 0.65, of what is given."""
    dwi, adc, reference = (read(row[name]) for name in ("DWI", "ADC", "lesion"))
    brain = (dwi != 0).astype(float)

    def mean(image: NDArray[np.float64], width_mm: float) -> NDArray[np.float64]:
        smooth = [gaussian_filter(each, width_mm / VOXEL_MM, truncate=3) for each in (image * brain, brain)]
        return np.asarray(smooth[0] / np.maximum(smooth[1], 1e-6))

    mask = brain > 0
    if "DWI" in given:
        mask &= mean(dwi, 1) >= 1.2 * mean(dwi, 12)
    if "ADC" in given:
        mask &= mean(adc, 1) <= 0.65
    return float(2 * (mask & (reference > 0)).sum() / (mask.sum() + reference.sum()))


def test_the_rule_is_judged_on_the_same_subjects_and_stands_in_the_report(
    hospitals: Rows, arguments: Callable[..., list[str]], tmp_path: Path
) -> None:
    said: list[str] = []
    train_once(*arguments(hospitals, *KEPT, "study.name=s"), say=said.append)
    folder = StudyFolder(tmp_path / "studies", "s")
    rows, tested = folder.rule.rows.read(), folder.trial(0).rows.read()
    same = ["split", "subject", "subset", "removed"]
    assert rows[same].equals(tested[same])
    names = pd.read_csv(folder.subjects.path).set_index("key")["id"]
    by_name = {row["subject"]: row for row in hospitals}
    for line in rows.itertuples():
        assert line.dice == pytest.approx(
            dice_of_the_rule(by_name[names[line.subject]], line.subset), abs=0.02
        )
    assert "against the rule without training" in "\n".join(said)
    page = folder.report.read().decode()
    assert (
        "A rule without training (DWI at least 1.2 times its local mean, ADC at most 0.65·10⁻³ mm²/s)" in page
    )
