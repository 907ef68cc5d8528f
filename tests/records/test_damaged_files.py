"""Files that are missing, damaged, or of another version: the file and the field are named."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from studies import complete, failed, fit, prepared_study, pruned

from study.config import validate
from study.errors import StudyError
from study.records import CompleteTrial, StudyFolder, Summary, TrackingHistory
from study.records.files import RecordFile

# Each file, what it holds, and one of its fields.
FILES: dict[str, tuple[Callable[[StudyFolder], RecordFile[Any]], Any, str]] = {
    "config.json": (lambda folder: folder.config, validate({"study": {"name": "s"}}), "study"),
    "prepared.json": (lambda folder: folder.prepared, prepared_study(), "splits"),
    "summary.json": (
        lambda folder: folder.summary,
        Summary(study="s", states={"complete": 1}, winner=0),
        "states",
    ),
    "tracking.json": (
        lambda folder: folder.tracking,
        TrackingHistory(study_id="a", failure="no answer", written_ms=2),
        "written_ms",
    ),
    "result.json": (lambda folder: folder.trial(0).result, complete(), "epochs"),
    "postprocessing.json": (lambda folder: folder.trial(0).fits.own, fit(), "fitted"),
}


@pytest.fixture(params=FILES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def file(tmp_path: Path, name: str) -> RecordFile[Any]:
    """The file as it was written."""
    find, content, _ = FILES[name]
    found = find(StudyFolder(tmp_path, "s"))
    found.write(content)
    return found


def change(file: RecordFile[Any], **changes: Any) -> None:
    file.path.write_text(json.dumps({**json.loads(file.path.read_text()), **changes}))


def problem(file: RecordFile[Any]) -> str:
    with pytest.raises(StudyError) as caught:
        file.read()
    return str(caught.value)


def test_what_is_written_is_read(file: RecordFile[Any], name: str, tmp_path: Path) -> None:
    expected = FILES[name][1]
    if name == "config.json":  # its root is where the folder lies
        expected = expected.with_values({"study.root": str(tmp_path)})
    assert file.read() == file.read_if_there() == expected


def test_a_missing_file_is_named(file: RecordFile[Any], name: str) -> None:
    file.path.unlink()
    assert problem(file).startswith(f"{file.path}: file is missing")
    assert file.path.name == name
    assert file.read_if_there() is None


@pytest.mark.parametrize("content", ["", "{", "no", "\udcff"], ids=["empty", "torn", "words", "bytes"])
def test_a_file_that_is_no_json_is_named(file: RecordFile[Any], content: str) -> None:
    file.path.write_bytes(content.encode(errors="surrogateescape"))
    assert problem(file).startswith(f"{file.path}: damaged (not JSON")


@pytest.mark.parametrize("content", ["[]", "3", "null"])
def test_json_of_another_kind_is_damage(file: RecordFile[Any], content: str) -> None:
    file.path.write_text(content)
    assert problem(file).startswith(f"{file.path}: damaged (")


def test_a_wrong_field_is_named(file: RecordFile[Any], name: str) -> None:
    field = FILES[name][2]
    change(file, **{field: "nonsense"})
    said = problem(file)
    assert said.startswith(f"{file.path}: damaged (")
    assert field in said.partition("damaged (")[2]


def test_a_field_that_is_not_known_is_named(file: RecordFile[Any]) -> None:
    change(file, colour="green")
    said = problem(file)
    assert said.startswith(f"{file.path}: damaged (")
    assert "colour" in said.partition("damaged (")[2]


def test_values_that_are_not_defined_stay_nan(tmp_path: Path) -> None:
    trial = StudyFolder(tmp_path, "s").trial(0)
    trial.result.write(complete(value=math.nan))
    read = trial.result.read()
    assert isinstance(read, CompleteTrial)
    assert math.isnan(read.value)
    trial.fits.own.write(fit(gain_low=math.nan, gain_high=math.inf))
    assert math.isnan(trial.fits.own.read().gain_low)
    assert trial.fits.own.read().gain_high == math.inf


@pytest.mark.parametrize("result", [complete(), pruned(), failed()], ids=lambda result: str(result.state))
def test_each_end_is_read_as_its_own_type(tmp_path: Path, result: Any) -> None:
    file = StudyFolder(tmp_path, "s").trial(0).result
    file.write(result)
    assert type(file.read()) is type(result)
    change(file, state="lost")
    assert "state" in problem(file).partition("damaged (")[2]


def test_a_fit_that_is_in_force_and_missing_is_named(tmp_path: Path) -> None:
    fits = StudyFolder(tmp_path, "s").trial(0).fits
    fits.own.write(fit())
    assert fits.chains == fit().best
    number = fits.add(fit(gain=0.2), {})
    fits.apply(number)
    assert fits.in_force == fit(gain=0.2)
    fits.path(number).unlink()
    with pytest.raises(StudyError, match=r"postprocessing-1\.json: file is missing"):
        _ = fits.chains


@pytest.mark.parametrize("content", [b"", b"neither", b"PK\x03\x04torn"])
def test_torn_pictures_and_weights_are_named(tmp_path: Path, content: bytes) -> None:
    trial = StudyFolder(tmp_path, "s").trial(0)
    trial.path.mkdir(parents=True)
    reads = (
        (trial.overlays, trial.overlays.read),
        (trial.examples, trial.examples.read),
        (trial.weights, trial.weights.tensors),
    )
    for file, read in reads:
        file.path.write_bytes(content)
        with pytest.raises(StudyError, match=rf"{file.path.name}: damaged"):
            read()
