"""What is measured of the look of DWI and ADC, on images whose numbers can be counted by hand."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from study.appearance import main, table
from study.errors import CohortError
from study.imaging.appearance import Appearance, appearance, appearances, medians

SHAPE = (20, 20, 20)


def drawn() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """DWI of 100 and ADC of 0.8 in a brain of 18³ voxels."""
    brain = np.zeros(SHAPE, bool)
    brain[1:-1, 1:-1, 1:-1] = True
    return np.where(brain, 100, 0).astype(np.float32), np.where(brain, 0.8, 0).astype(np.float32), brain


def test_an_even_brain_has_no_spread_no_residual_and_no_slope() -> None:
    dwi, adc, brain = drawn()
    found = appearance(dwi, adc, brain, None)
    assert (found.bright_low_ml, found.dwi_sd, found.dwi_residual, found.adc_residual) == (0, 0, 0, 0)
    assert found.adc_p5 == pytest.approx(0.8)
    assert (found.dwi_p999, found.adc_gradient_p95, found.lesion_adc) == (1, 0, None)


def test_bright_voxels_of_low_adc_are_counted_outside_the_lesion_and_below_the_rim() -> None:
    dwi, adc, brain = drawn()
    for place in (slice(4, 6), slice(10, 12)):  # two cubes of 8 voxels, 8 mm³ each
        dwi[place, place, place] = 130
        adc[place, place, place] = 0.5
    dwi[1, 1, 1], adc[1, 1, 1] = 130, 0.5  # a corner of the brain
    lesion = np.zeros(SHAPE, np.bool_)
    assert appearance(dwi, adc, brain, lesion).bright_low_ml == pytest.approx(0.128)
    lesion[10:12, 10:12, 10:12] = True
    found = appearance(dwi, adc, brain, lesion)
    assert found.bright_low_ml == pytest.approx(0.064)
    assert found.lesion_adc == pytest.approx(0.5)
    adc[4:6, 4:6, 4:6] = 0.7
    assert appearance(dwi, adc, brain, lesion).bright_low_ml == 0


def test_a_single_voxel_is_residual_and_a_slope_is_not() -> None:
    dwi, adc, brain = drawn()
    dwi[10, 10, 10] = 200  # parenchyma is 14³ voxels; one of them is 1 above its neighbours
    adc = np.where(brain, 0.4 + 0.04 * np.arange(20)[:, None, None], 0).astype(np.float32)
    found = appearance(dwi, adc, brain, None)
    assert found.dwi_residual == pytest.approx(np.sqrt(1 / 14**3 - 1 / 14**6), rel=1e-4)
    assert found.adc_residual == pytest.approx(0, abs=1e-6)
    assert found.adc_gradient_p95 == pytest.approx(0.04, rel=1e-3)
    assert found.dwi_sd == pytest.approx(found.dwi_residual)


def test_fluid_and_the_rim_are_no_parenchyma() -> None:
    dwi, adc, brain = drawn()
    dwi[2], dwi[8], adc[8] = 900, 5, 3.0
    assert appearance(dwi, adc, brain, None).dwi_sd == 0
    with pytest.raises(ValueError, match="no voxel of the brain"):
        appearance(dwi, np.full(SHAPE, 3, np.float32), brain, None)


def test_medians_are_over_the_subjects_that_have_a_value() -> None:
    values = [Appearance(*[number] * 7, lesion) for number, lesion in ((1, None), (2, 0.5), (4, 0.7))]
    found = medians(values)
    assert (found["dwi_sd"], found["lesion_adc"]) == (2, pytest.approx(0.6))
    assert medians(values[:1])["lesion_adc"] is None


def large(unit: float = 1.0) -> dict[str, np.ndarray]:
    """DWI, ADC and lesion [x, y, z] of 2×2×5 mm: a brain of 40×40×50 mm."""
    dwi, adc, lesion = (np.zeros((24, 24, 14), np.float32) for _ in range(3))
    dwi[2:22, 2:22, 2:12], adc[2:22, 2:22, 2:12] = 100, 0.8 * unit
    lesion[10:14, 10:14, 6:8] = 1
    adc[lesion > 0] = 0.4 * unit
    return {"DWI": dwi, "ADC": adc, "lesion": lesion.astype(np.uint8)}


def test_units_of_adc_do_not_matter_and_masks_are_read_only_if_wanted(
    make_subject: Callable, tmp_path: Path
) -> None:
    from study.cohort.records import Cohort

    both = Cohort(
        (make_subject("a", **large()), make_subject("b", **large(1000)), make_subject("c", ADC=None))
    )
    first, second = (one for _, one in appearances(both, lesions=True))
    assert first.lesion_adc == pytest.approx(0.4, rel=0.1)
    assert second.lesion_adc == pytest.approx(first.lesion_adc, rel=1e-5)
    for subject in both.subjects:
        subject.masks["lesion"].write_bytes(b"no mask")
    assert [one.lesion_adc for _, one in appearances(both, lesions=False)] == [None, None]
    with pytest.raises(CohortError, match="lesion"):
        appearances(both, lesions=True)
    with pytest.raises(CohortError, match="no subject has DWI and ADC"):
        appearances(Cohort(both.subjects[2:]), lesions=False)


def test_the_table_has_a_column_for_each_center(make_subject: Callable) -> None:
    from dataclasses import replace

    one = make_subject("a")
    other = replace(one, center="OTHER")
    found = [(one, Appearance(*[1.0] * 7, None)), (other, Appearance(*[2.0] * 7, 0.5))]
    lines = table(found)
    assert lines[0].split() == ["all", "CENTER", "OTHER"]
    assert lines[1].split()[-3:] == ["1.5", "1", "2"]
    assert lines[-2].split()[-3:] == ["0.5", "–", "0.5"]
    assert lines[-1].split() == ["subjects", "2", "1", "1"]
    assert table(found[:1])[0].split() == ["all"]


def test_the_command_prints_the_table_and_writes_a_line_for_each_subject(
    make_subject: Callable, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    subject = make_subject("a", **large())
    manifest, out = tmp_path / "scans.csv", tmp_path / "table.csv"
    manifest.write_text(
        "subject,center,DWI,ADC,lesion\n"
        f"a,X,{subject.images['DWI']},{subject.images['ADC']},{subject.masks['lesion']}\n"
    )
    main(["cohort=manifest", f"cohort.path={manifest}", "cohort.unseen=[]", f"out={out}"])
    assert "ADC in lesions" in capsys.readouterr().out
    (row,) = csv.DictReader(out.read_text().splitlines())
    assert (row["subject"], row["center"]) == ("X-0001", "X")
    assert float(row["dwi_sd"]) == 0
