from __future__ import annotations

import math
from pathlib import Path

import pytest
from builders import result_row

from study.errors import StudyError
from study.records import StudyFolder
from study.records.rows import NEW_METRICS, RowsFile


@pytest.fixture
def file(tmp_path: Path) -> RowsFile:
    return StudyFolder(tmp_path, "s").trial(0).rows


def test_rows_survive_the_file(file: RowsFile) -> None:
    file.write([result_row(subset="DWI+ADC", hd95_mm=math.nan)])
    table = file.read()
    assert table.iloc[0]["subset"] == "DWI+ADC"
    assert math.isnan(table.iloc[0]["hd95_mm"])
    assert len(table) == 1
    assert "extra" not in table.columns


def test_no_rows_are_a_table_with_the_columns_of_all(file: RowsFile) -> None:
    file.write([])
    assert len(file.read()) == 0
    assert list(file.read().columns) == list(result_row().cells())


def test_each_metric_of_another_package_has_a_column(file: RowsFile) -> None:
    file.write([result_row(extra={"surface_dice": 0.7}), result_row(extra={"boundary_iou": 0.2})])
    table = file.read()
    assert list(table.columns[-2:]) == ["surface_dice", "boundary_iou"]
    assert table["surface_dice"].tolist() == [0.7, pytest.approx(math.nan, nan_ok=True)]


def test_absent_and_damaged_rows_are_told(file: RowsFile) -> None:
    with pytest.raises(StudyError, match=r"rows\.parquet: file is missing"):
        file.read()
    file.write([result_row()])
    file.path.write_bytes(file.path.read_bytes()[:-20])
    with pytest.raises(StudyError, match=r"rows\.parquet: damaged"):
        file.read()


def test_rows_from_before_a_metric_have_no_value_for_it(file: RowsFile) -> None:
    file.write([result_row()])
    before = file.read().drop(columns=list(NEW_METRICS))
    assert "dice" in before
    before.to_parquet(file.path, index=False)
    table = file.read()
    assert set(table.columns) == set(result_row().cells())
    assert table[list(NEW_METRICS)].isna().all(axis=None)


def test_rows_from_before_mirroring_were_not_mirrored(file: RowsFile) -> None:
    file.write([result_row()])
    file.read().drop(columns="mirrored").to_parquet(file.path, index=False)
    assert file.read()["mirrored"].tolist() == [""]
