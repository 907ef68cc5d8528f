"""What a user gets for a mistake: one line that names it, exit code 2, and nothing half-written."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from study import run, train
from study.commandline import run_command

Rows = list[dict[str, str]]
Arguments = Callable[..., list[str]]


@pytest.fixture
def complaint(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Callable[[list[str]], str]:
    """Runs a study that must be refused and returns what it says."""

    def refuse(arguments: list[str]) -> str:
        with pytest.raises(SystemExit) as stopped:
            run_command(run.main, arguments)
        assert stopped.value.code == 2
        said = capsys.readouterr().err
        assert "Traceback" not in said
        assert not list((tmp_path / "studies").glob("gradual*"))
        return said

    return refuse


def change(path: str, edit: Callable[[np.ndarray], np.ndarray], shift_mm: float = 0.0) -> None:
    image = nib.load(path)
    affine = image.affine.copy()
    affine[0, 3] += shift_mm
    nib.save(nib.Nifti1Image(edit(np.asarray(image.dataobj)), affine), path)


def truncate(path: str) -> None:
    content = Path(path).read_bytes()
    Path(path).write_bytes(content[: len(content) // 2])


def garble(path: str) -> None:
    Path(path).write_bytes(gzip.compress(b"no image at all"))


def with_nan(data: np.ndarray) -> np.ndarray:
    data = data.astype(np.float32)
    data[3, 3, 3] = np.nan
    return data


@pytest.mark.parametrize(
    ("column", "damage", "words"),
    [
        ("DWI", lambda path: Path(path).unlink(), "missing"),
        ("DWI", truncate, "truncated"),
        ("ADC", garble, "ADC.nii.gz"),
        ("ADC", lambda path: change(path, with_nan), "NaN"),
        ("lesion", lambda path: change(path, lambda data: data, shift_mm=3.0), "grid"),
        ("lesion", lambda path: change(path, lambda data: data[:-1]), "grid"),
        (
            "lesion",
            lambda path: change(
                path, lambda data: data * 3 + (np.arange(20) % 5).astype(np.uint8)[:, None, None]
            ),
            "binary",
        ),
        ("ADC", lambda path: change(path, lambda data: data, shift_mm=6.0), "ADC.nii.gz"),
    ],
)
def test_a_damaged_file_is_named_with_its_subject(
    hospitals: Rows,
    arguments: Arguments,
    complaint: Callable[[list[str]], str],
    column: str,
    damage: Callable[[str], None],
    words: str,
) -> None:
    damage(hospitals[2][column])
    said = complaint(arguments(hospitals))
    assert "north2" in said
    assert hospitals[2][column] in said
    assert words in said
    assert said.count("error: ") == 1


def test_all_damaged_files_are_told_at_once(
    hospitals: Rows, arguments: Arguments, complaint: Callable[[list[str]], str]
) -> None:
    truncate(hospitals[1]["DWI"])
    truncate(hospitals[7]["ADC"])
    said = complaint(arguments(hospitals))
    assert "north1" in said
    assert "south2" in said


def test_a_subject_without_modalities_is_refused(
    hospitals: Rows, arguments: Arguments, complaint: Callable[[list[str]], str]
) -> None:
    hospitals[3] |= {"DWI": "", "ADC": "", "B0": ""}
    assert "north3" in complaint(arguments(hospitals))


def test_a_patient_in_two_splits_is_refused(
    hospitals: Rows, arguments: Arguments, complaint: Callable[[list[str]], str], tmp_path: Path
) -> None:
    hospitals[0]["patient"] = hospitals[1]["patient"] = "the-same-person"
    fixed = tmp_path / "splits.json"
    fixed.write_text(
        '{"train": ["north0", "south0"], "validation": ["north1", "south1"], "test": ["north2"]}'
    )
    said = complaint(arguments(hospitals, "cohort.splits.kind=fixed", f"cohort.splits.path={fixed}"))
    assert "north0" in said
    assert "north1" in said


@pytest.mark.parametrize(
    ("argument", "words"),
    [
        ("study.trails=3", "study.trails: no such key"),
        ("modality_dropout.drop_probability=1.5", "modality_dropout.drop_probability: "),
        ("cohort.seen=[Abroad]", "center Abroad is both seen and unseen"),
        ("cohort.unseen=[Mars]", "Mars"),
        ("objective.centers=[Abroad]", "Abroad is unseen"),
        ("search_space.trainer.epoch={type: int, low: 1, high: 3}", "search_space.trainer.epoch: "),
        (
            "search_space.modality_dropout.drop_probability.high=1.5",
            "search_space.modality_dropout.drop_probability.high",
        ),
        ("search_space=gradul", "gradual"),
        ("cohort.path=/nowhere.csv", "/nowhere.csv"),
        ("model.patch_size=[8,15,16]", "model.patch_size"),
    ],
)
def test_a_wrong_setting_is_named(
    hospitals: Rows, arguments: Arguments, complaint: Callable[[list[str]], str], argument: str, words: str
) -> None:
    assert words in complaint(arguments(hospitals, argument))


def test_a_faulty_subject_can_be_skipped_and_is_counted(
    hospitals: Rows, arguments: Arguments, capsys: pytest.CaptureFixture[str]
) -> None:
    truncate(hospitals[1]["DWI"])
    more = ["cohort.on_error=skip", "study.name=skipping", "trainer.epochs=2"]
    run_command(train.main, arguments(hospitals, *more))
    assert "skipped because of problems: 1 subject" in capsys.readouterr().out


def test_an_empty_mask_is_no_error(
    hospitals: Rows, arguments: Arguments, capsys: pytest.CaptureFixture[str]
) -> None:
    change(hospitals[1]["lesion"], np.zeros_like)
    run_command(train.main, arguments(hospitals, "study.name=empty", "trainer.epochs=2"))
    assert "Dice on test subjects" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["model=llstm", "model.patch_size=null", "model.slices=40"], "model.slices: the median subject has"),
        (["model=llstm", "model.patch_size=[8,16,16]", "model.slices=6"], "6×16×16 or model.slices=8 would do"),
        (
            ["model=attllstm", "model.patch_size=[8,20,16]", "model.slices=8",
             "model.attention.susceptibility=[ADC,B0]", "model.attention.patch_dwi=8"],
            "20×16 is not divisible by 8 (model.attention.patch_dwi); these would do: 16 or 24 × 16",
        ),
        (["model=attllstm"], "no modality 'SWAN', 'PHASE'; there are DWI, ADC, B0"),
        (["model=urn", "modality_dropout.keep_at_least=1"], "urn cannot be trained on fewer than 2 modalities"),
        (["model=urn", "head.kind=dynamic"], "cannot be plugged into URN: its first convolution reads 1 of 3"),
    ],
    ids=["slices", "patch and slices", "crop", "modality by name", "urn", "head"],
)  # fmt: skip
def test_a_network_that_does_not_fit_is_refused_before_the_study_exists(
    hospitals: Rows,
    arguments: Arguments,
    complaint: Callable[[list[str]], str],
    tmp_path: Path,
    more: list[str],
    words: str,
) -> None:
    assert words in complaint(arguments(hospitals, "study.name=none", *more))
    assert not (tmp_path / "studies" / "none").exists()
