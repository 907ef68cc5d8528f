"""The check of a cohort's files: what it reports of each center, and which problems."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from study.cohort.__main__ import main
from study.cohort.records import Cohort
from study.errors import CohortError, ConfigError, Problem
from study.imaging.check import check_cohort
from study.workflow.protocol import imaging_protocol


def test_a_center_is_told_with_modalities_grids_and_volumes(
    make_subject: Callable, make_config: Callable
) -> None:
    empty = np.zeros((14, 12, 8), np.uint8)
    subjects = (
        make_subject("a"),
        make_subject("b", ADC=None),
        make_subject("c", lesion=empty),
        replace(make_subject("d", affine=np.diag([4.0, 4.0, 5.0, 1.0])), center="OTHER"),
    )
    text = "\n".join(check_cohort(Cohort(subjects), imaging_protocol(make_config())).lines())
    first, second = text.split("\n\n")[:2]
    assert first.startswith("CENTER: 3 subjects")
    assert "DWI 3, ADC 2" in first
    assert "8×12×14 at 5.00×2.00×2.00 mm: DWI 3, ADC 2" in first
    # 8 voxels of 2×2×5 mm are 0.16 mL.
    assert "3 masks, 1 empty, median 0.16 mL (0.16 to 0.16)" in first
    assert second.startswith("OTHER: 1 subject")
    assert "0.64 mL" in second
    assert "4 subjects, 2 centers, 0 problems" in text


def test_occlusions_controls_and_stand_ins_are_told_by_center(
    make_subject: Callable, make_config: Callable
) -> None:
    subjects = (
        replace(make_subject("a"), occlusion="proximal"),
        replace(make_subject("b"), occlusion="distal", stand_ins={"ADC": "MD"}),
        replace(make_subject("c"), occlusion="distal"),
        replace(make_subject("d"), control=True),
        make_subject("e"),
        replace(make_subject("f"), center="OTHER"),
    )
    first, second = "\n".join(check_cohort(Cohort(subjects), imaging_protocol(make_config())).lines()).split(
        "\n\n"
    )[:2]
    assert "  occlusions  distal 2, not told 1, proximal 1\n" in first
    assert "  controls    1 scans\n" in first
    assert "  stand-ins   MD for ADC 1\n" in first
    assert not any(word in second for word in ("occlusions", "controls", "stand-ins"))


def test_every_problem_is_told_with_subject_and_file(
    make_subject: Callable, make_config: Callable, brain_image: np.ndarray
) -> None:
    shifted = make_subject("c", thrombus=np.zeros((14, 12, 7), np.uint8))
    subjects = (
        make_subject("a", DWI=brain_image * np.nan),
        make_subject("b", ADC=brain_image * 50, FLAIR=np.zeros((14, 12, 8, 2), np.float32)),
        shifted,
    )
    listed = Problem("d", Path("d.nii"), "missing", "restore it")
    report = check_cohort(Cohort(subjects, skipped=1, problems=(listed,)), imaging_protocol(make_config()))
    found = {(problem.subject, problem.file.name) for problem in report.problems if problem.file}
    names = {("a", "DWI.nii.gz"), ("b", "ADC.nii.gz"), ("b", "FLAIR.nii.gz"), ("c", "thrombus.nii.gz")}
    assert found == names | {("d", "d.nii")}
    text = "\n".join(report.lines())
    assert "3 subjects, 1 center, 5 problems" in text
    assert all(str(problem) in text for problem in report.problems)


def test_the_command_reads_a_manifest_and_exits_by_what_it_finds(
    make_subject: Callable, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_subject("a")
    table = tmp_path / "table.csv"
    table.write_text(
        "subject,patient,center,DWI,ADC,lesion\na,a,X,a/DWI.nii.gz,a/ADC.nii.gz,a/lesion.nii.gz\n"
    )
    modalities = ["cohort.modalities=[DWI,ADC]", "modality_dropout.droppable=ADC"]
    arguments = ["check", "cohort=manifest", f"cohort.path={table}", *modalities]
    main(arguments)
    assert "X: 1 subject" in capsys.readouterr().out
    with table.open("a") as file:
        file.write("b,b,X,,gone.nii.gz,\n")
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    printed = capsys.readouterr().out
    assert "X: 1 subject" in printed
    assert "gone.nii.gz" in printed


def test_the_command_tells_a_modality_that_nobody_has_and_columns_that_are_not_used(
    make_subject: Callable, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_subject("a")
    table = tmp_path / "table.csv"
    table.write_text("subject,center,age,DWI_b1000,ADC\na,X,63,a/DWI.nii.gz,a/ADC.nii.gz\n")
    modalities = ["cohort.modalities=[DWI,ADC]", "modality_dropout.droppable=ADC"]
    with pytest.raises(SystemExit) as caught:
        main(["check", "cohort=manifest", f"cohort.path={table}", *modalities])
    assert caught.value.code == 2
    printed = capsys.readouterr().out
    assert "Please note:\n  table.csv: columns that are not used: age\n" in printed
    assert (
        "cohort.modalities: no subject has DWI, while 1 of 1 have DWI_b1000; rename DWI_b1000 to DWI"
        in printed
    )


def test_the_command_says_how_it_is_used(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--help"])
    assert "python -m study.cohort check" in capsys.readouterr().out
    for arguments in ([], ["chek"]):
        with pytest.raises(ConfigError, match="check"):
            main(arguments)


def test_a_manifest_that_is_missing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CohortError, match=r"gone\.csv"):
        main(["check", "cohort=manifest", f"cohort.path={tmp_path / 'gone.csv'}"])
