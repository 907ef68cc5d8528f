"""Occlusions, control scans and stand-ins, from the table of scans to rows and what is printed."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from study import evaluate, train
from study.commandline import run_command
from study.records import StudyFolder

Rows = list[dict[str, str]]
Arguments = Callable[..., list[str]]
OCCLUSIONS = {"North": "proximal", "South": "distal", "Abroad": ""}


def write_table(path: Path, rows: Rows) -> str:
    with path.open("w", newline="") as file:
        columns = dict.fromkeys(name for row in rows for name in row)
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)
    return f"cohort.path={path}"


def control_scan(row: dict[str, str]) -> dict[str, str]:
    """Nearly the same scans under another name, with an empty lesion mask."""
    name = f"{row['subject']}after"
    copies = {}
    for column, factor in {"DWI": 1.001, "ADC": 1.001, "B0": 1.001, "lesion": 0.0}.items():
        path = Path(row[column]).parent.with_name(name) / f"{column}.nii.gz"
        path.parent.mkdir(exist_ok=True)
        image = nib.load(row[column])
        changed = np.asarray(image.dataobj) * factor
        nib.save(nib.Nifti1Image(changed.astype(image.get_data_dtype()), image.affine), path)
        copies[column] = str(path)
    return {**row, **copies, "subject": name, "control": "yes", "occlusion": ""}


@pytest.fixture
def table(hospitals: Rows) -> Rows:
    """Every patient of North has a control scan without lesion; Abroad calls its ADC otherwise."""
    rows = []
    for row in hospitals:
        row |= {"occlusion": OCCLUSIONS[row["center"]], "control": "no"}
        rows.append(row)
        if row["center"] == "Abroad":
            row |= {"ADC": "", "APPARENT": row["ADC"]}
        if row["center"] == "North":
            rows.append(control_scan(row))
    return rows


def test_rows_tell_control_scans_occlusions_and_stand_ins_and_evaluating_again_gives_them_again(
    table: Rows, arguments: Arguments, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = arguments([], "cohort.modality_aliases={ADC: [APPARENT]}", "study.name=told")
    write_table(tmp_path / "cohort.csv", table)
    run_command(train.main, given)
    folder = StudyFolder.find(tmp_path / "studies", "told")
    rows = folder.trial(0).rows.read()
    told = rows[["split", "center", "seen", "occlusion", "substituted"]]
    assert set(told.itertuples(index=False, name=None)) == {
        ("test", "North", True, "proximal", ""),
        ("test", "South", True, "distal", ""),
        ("test", "Abroad", False, "", "ADC=APPARENT"),
        ("control", "North", True, "", ""),
    }
    splits = folder.prepared.read().splits
    tested = {*splits.test, *splits.unseen}
    assert set(rows[rows["split"] == "test"]["subject"]) == tested
    patients = pd.read_csv(folder.subjects.path).set_index("key")["patient"]
    controls = rows[rows["split"] == "control"]
    assert {patients[key] for key in controls["subject"]} == {
        patients[key] for key in splits.test if key.startswith("North")
    }
    assert (controls["reference_volume_ml"] == 0).all()
    assert controls["detected"].isna().all()
    assert ((controls["false_positives"] > 0) == (controls["predicted_volume_ml"] > 0)).all()

    capsys.readouterr()
    run_command(evaluate.main, [f"study.root={tmp_path / 'studies'}", "study.name=told"])
    pd.testing.assert_frame_equal(rows, folder.trial(0).evaluation("own").read())
    said = capsys.readouterr().out
    (header,) = [line.split() for line in said.splitlines() if "control" in line.split()]
    assert header == ["seen", "removed", "proximal", "distal", "all", "control"]


def test_another_cohort_is_told_apart_in_the_same_way(
    table: Rows, arguments: Arguments, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Learnt from South; North with its control scans, and Abroad with its stand-ins, come later."""
    path = write_table(tmp_path / "south.csv", [row for row in table if row["center"] == "South"])
    aliases = "cohort.modality_aliases={ADC: [APPARENT]}"
    run_command(train.main, arguments([], "study.name=south", path, "cohort.unseen=[]", aliases))
    folder = StudyFolder.find(tmp_path / "studies", "south")
    elsewhere = write_table(tmp_path / "rest.csv", [row for row in table if row["center"] != "South"])
    where = [f"study.root={tmp_path / 'studies'}", "study.name=south", "cohort=manifest", elsewhere]
    for controls, splits in (
        ("separate", {"test": 10, "control": 5}),
        ("include", {"test": 15}),
        ("exclude", {"test": 10}),
    ):
        run_command(evaluate.main, [*where, "trial=0", f"cohort.controls={controls}"])
        rows = folder.trial(0).evaluation("cohort").read()
        assert rows.groupby("split")["subject"].nunique().to_dict() == splits
        assert not rows["seen"].any()
        # What may stand in for ADC is as in the study, and need not be said again.
        assert set(rows[rows["center"] == "Abroad"]["substituted"]) == {"ADC=APPARENT"}
        assert set(rows[rows["split"] == "test"]["occlusion"]) == {"proximal", ""}
    said = capsys.readouterr().out
    assert "APPARENT stands in for ADC (cohort.modality_aliases): 5 subjects (Abroad 5)" in said
    assert "control scans, not used (cohort.controls=exclude): 5 subjects (North 5)" in said


def test_another_cohort_may_have_stand_ins_that_the_study_had_not(
    table: Rows, arguments: Arguments, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_table(tmp_path / "south.csv", [row for row in table if row["center"] == "South"])
    run_command(train.main, arguments([], "study.name=south", path, "cohort.unseen=[]"))
    elsewhere = write_table(tmp_path / "abroad.csv", [row for row in table if row["center"] == "Abroad"])
    where = [f"study.root={tmp_path / 'studies'}", "study.name=south", "cohort=manifest", elsewhere]
    written = StudyFolder(tmp_path / "studies", "south").trial(0).evaluation("cohort")
    aliases = "cohort.modality_aliases={ADC: [APPARENT]}"
    for given, subset, substituted in (([], "DWI", ""), ([aliases], "DWI+ADC", "ADC=APPARENT")):
        run_command(evaluate.main, [*where, "trial=0", *given])
        rows = written.read()
        assert set(rows["subset"]) == {subset}
        assert set(rows["substituted"]) == {substituted}
    with pytest.raises(SystemExit):
        run_command(evaluate.main, [*where, "trial=0", "cohort.control=separate"])
    assert "cohort.control" in capsys.readouterr().err


def test_labels_of_control_scans_change_no_choice(table: Rows, arguments: Arguments, tmp_path: Path) -> None:
    given = arguments([], "cohort.modality_aliases={ADC: [APPARENT]}")
    write_table(tmp_path / "cohort.csv", table)
    folders = []
    for name in ("empty", "full"):
        run_command(train.main, [*given, f"study.name={name}"])
        folders.append(StudyFolder.find(tmp_path / "studies", name))
        for row in table:
            if row["control"] == "yes":
                image = nib.load(row["lesion"])
                nib.save(nib.Nifti1Image(np.ones(image.shape, np.uint8), image.affine), row["lesion"])
    first, second = (folder.trial(0) for folder in folders)
    assert folders[0].prepared.read().splits == folders[1].prepared.read().splits
    assert first.weights.read() == second.weights.read()
    assert first.fits.own.read() == second.fits.own.read()
    rows, others = first.rows.read(), second.rows.read()
    tested = rows["split"] == "test"
    pd.testing.assert_frame_equal(rows[tested], others[tested])
    assert (rows[~tested]["reference_volume_ml"] == 0).all()
    assert (others[~tested]["reference_volume_ml"] > 0).all()
