"""Files of a study from a stranger: whatever they hold, reading ends with a StudyError that names the file."""

from __future__ import annotations

import io
import json
import math
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow
import pytest
import torch
from builders import availability, result_row
from hostile import damaged_bytes, damaged_json, run_bounded
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet
from studies import complete, epoch, fit, prepared_study, write_study

from study.cohort.records import Cohort, Subject
from study.config import validate
from study.errors import StudyError
from study.evaluation.kept import keep
from study.records import Finished, StudyFolder, TrackingHistory, TrialFolder
from study.records.examples import Example, ExampleMask
from study.records.losses import KEPT
from study.records.overlays import Overlay
from study.records.weights import Start

Read = Callable[[StudyFolder, TrialFolder], object]
KEPT_NAME = "A-1_DWI.npz"
READS: dict[str, Read] = {
    "config.json": lambda study, trial: study.config.read(),
    "prepared.json": lambda study, trial: study.prepared.read(),
    "subjects.csv": lambda study, trial: study.subjects.read(),
    "start.json": lambda study, trial: study.start.read(),
    "start.safetensors": lambda study, trial: study.start.read(),
    "summary.json": lambda study, trial: study.summary.read(),
    "tracking.json": lambda study, trial: study.tracking.read(),
    "finished.jsonl": lambda study, trial: study.finished.read(),
    "parameters.json": lambda study, trial: trial.searched(),
    "result.json": lambda study, trial: trial.result.read(),
    "epochs.jsonl": lambda study, trial: trial.training.epochs.read(),
    "weights.safetensors": lambda study, trial: trial.weights.tensors(),
    "rows.parquet": lambda study, trial: trial.rows.read(),
    "overlays.npz": lambda study, trial: trial.overlays.read(),
    "examples.npz": lambda study, trial: trial.examples.read(),
    "postprocessing.json": lambda study, trial: trial.fits.own.read(),
    "postprocessing-applied.json": lambda study, trial: trial.fits.applied,
    "postprocessing-1.json": lambda study, trial: trial.fits.read(1),
    KEPT_NAME: lambda study, trial: trial.kept.read(),
}
bounded_fuzz = settings(
    max_examples=300,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> StudyFolder:
    """A study with one trial that has every file."""
    root = tmp_path_factory.mktemp("studies")
    folder = write_study(validate({"study": {"name": "s", "root": str(root)}}), prepared_study(), winner=0)
    person = Subject(
        "id", "patient", "A", "A-1", {"DWI": Path("/data/a.nii")}, {"lesion": Path("/data/b.nii")}
    )
    folder.subjects.write(Cohort((person,)))
    folder.start.write(Start("nnunet", {"patch_size": [8, 8, 8]}, {"a.weight": torch.ones(2, 3)}))
    ended = (Finished(trial=0, state="complete", value=0.5, time_ms=1),)
    folder.tracking.write(TrackingHistory(study_id="a", written_ms=2))
    folder.finished.append(ended)
    trial = folder.trial(0)
    trial.parameters.write({"trainer.learning_rate": 0.1})
    trial.training.epochs.write([epoch(1), epoch(2)])
    trial.weights.save({"a.weight": torch.ones(2, 3), "a.count": torch.tensor(3)})
    trial.rows.write([result_row(), result_row(dice=math.nan, extra={"nsd": 0.5})])
    mask, image = np.ones((8, 9), bool), np.zeros((2, 8, 9), np.float16)
    trial.overlays.write([Overlay("A", "DWI", ("DWI", "ADC"), image, mask, mask)])
    volume = np.ones((2, 3, 5), bool)
    trial.examples.write([Example("A-1", "A", "best", volume, (ExampleMask("", 0.5, volume),))])
    trial.fits.own.write(fit())
    trial.fits.apply(trial.fits.add(fit(), {"study": {"seed": 0}}))
    probability = np.linspace(0, 1, 60, dtype=np.float32).reshape(3, 4, 5)
    about: dict[str, Any] = {
        "key": "A-1",
        "center": "A",
        "availability": availability("DWI+ADC", "DWI", "ADC"),
    }
    trial.kept.write(
        keep(probability, probability > 0.7, spacing_mm=(5.0, 1.0, 1.0), lesion=(1.0, 2.0, 3.0), **about)
    )
    trial.result.write(complete())
    return folder


def path_of(study: StudyFolder, name: str) -> Path:
    (found,) = study.path.rglob(name)
    return found


def outcome(study: StudyFolder, name: str, content: bytes) -> str:
    """What reading the file says, if it holds this; the file is put back afterwards."""
    path = path_of(study, name)
    intact = path.read_bytes()
    path.write_bytes(content)
    try:
        READS[name](study, study.trial(0))
    except StudyError as error:
        return str(error)
    finally:
        path.write_bytes(intact)
    return f"{path}: damaged, which does not show"


def test_every_file_is_tried_and_intact(study: StudyFolder) -> None:
    there = {path.name for path in study.path.rglob("*") if path.is_file()}
    assert there == READS.keys()
    for read in READS.values():
        read(study, study.trial(0))


@bounded_fuzz
@given(st.data())
def test_any_bytes(study: StudyFolder, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(READS)))
    path = path_of(study, name)
    assert outcome(study, name, data.draw(damaged_bytes(path.read_bytes()))).startswith(f"{path}: damaged")


@bounded_fuzz
@given(st.data())
def test_any_json(study: StudyFolder, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from([name for name in sorted(READS) if name.endswith((".json", ".jsonl"))]))
    path = path_of(study, name)
    lines = path.read_text().splitlines() if name.endswith("l") else [path.read_text()]
    content = "\n".join(json.dumps(data.draw(damaged_json(json.loads(line)))) for line in lines)
    assert outcome(study, name, content.encode()).startswith(f"{path}: damaged")


ARRAYS: list[Any] = [
    np.array(3), np.array("x"), np.array(["x"] * 3), np.zeros(0), np.zeros((2, 0, 3), np.uint8),
    np.array([1e30, np.nan, 2]), np.array([-1, 2, 3]), np.array([2**62] * 3), np.ones((2, 3, 4, 5), np.uint8) * 255,
    np.zeros(3, complex), np.zeros(3, [("a", "i4")]), np.array([b"x"]), np.zeros((2, 3, 4, 5), np.uint8),
]  # fmt: skip


@bounded_fuzz
@given(st.data())
def test_any_arrays(study: StudyFolder, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from([KEPT_NAME, "overlays.npz", "examples.npz"]))
    path = path_of(study, name)
    with np.load(path) as stored:
        arrays = dict(stored)
    key = data.draw(st.sampled_from(sorted(arrays)))
    value = data.draw(st.one_of(st.none(), st.integers(0, len(ARRAYS) - 1)))
    if value is None:
        del arrays[key]
    else:
        arrays[key] = ARRAYS[value]
    file = io.BytesIO()
    np.savez(file, **arrays)
    assert outcome(study, name, file.getvalue()).startswith(f"{path}: damaged")


CELLS: list[Any] = ["x", 1.5, None, True, 10**18, [1], {"a": 1}, b"x", pd.Timestamp(0)]


@pytest.mark.parametrize("cell", range(len(CELLS)))
def test_any_column(study: StudyFolder, cell: int) -> None:
    path = path_of(study, "rows.parquet")
    rows = study.trial(0).rows.read()
    assert len(rows.columns) > 20
    for column in rows:
        file = io.BytesIO()
        rows.assign(**{column: [CELLS[cell]] * 2}).to_parquet(file)
        assert outcome(study, path.name, file.getvalue()).startswith(f"{path}: damaged")
        file = io.BytesIO()
        rows.drop(columns=column).to_parquet(file)
        assert outcome(study, path.name, file.getvalue()).startswith(f"{path}: damaged")


def test_each_file_says_what_is_lost(study: StudyFolder) -> None:
    said = {name: outcome(study, name, b"damaged\n") for name in READS if name != "subjects.csv"}
    losses = {text.partition("or written by another version; ")[2] for text in said.values()}
    assert "" not in losses
    assert len(losses) == len(said) - 1  # the two files of the start share theirs
    assert said[KEPT_NAME].endswith(KEPT)


def bombs(study: StudyFolder, place: Path) -> Iterator[tuple[str, Path]]:
    """Copies of the study in each of which a file takes gigabytes if it is read as it asks; its name, and the root."""

    def copied(name: str) -> Path:
        root = place / f"{len(list(place.iterdir()))}"
        shutil.copytree(study.path, root / "s")
        return path_of(StudyFolder(root, "s"), name)

    for name in READS:
        path = copied(name)
        with path.open("r+b") as file:
            file.truncate(2**33)
        yield name, path
    for name, key in ((KEPT_NAME, "levels"), ("overlays.npz", "0/image"), ("examples.npz", "0/masks")):
        path = copied(name)
        np.savez_compressed(path, **{key: np.zeros(2**28 + 1, np.uint8)})
        yield name, path
    path = copied("rows.parquet")
    cells = pyarrow.DictionaryArray.from_arrays(pyarrow.array([0] * 2000, "int8"), ["x" * 2**20])
    parquet.write_table(pyarrow.table({"center": cells}), path, store_schema=False)
    yield path.name, path


@pytest.mark.slow
def test_bombs_are_refused_within_a_gigabyte_and_five_seconds(study: StudyFolder, tmp_path: Path) -> None:
    made = list(bombs(study, tmp_path))
    tests = Path(__file__).parents[1]
    roots = [(name, str(tmp_path / path.relative_to(tmp_path).parts[0])) for name, path in made]
    said = run_bounded(
        f"""
sys.path[:0] = [{str(tests)!r}, {str(tests / "records")!r}]
from pathlib import Path
from test_hostile_records import READS
from study.records import StudyFolder
for name, root in {roots!r}:
    study = StudyFolder(Path(root), "s")
    bounded(lambda: READS[name](study, study.trial(0)))
"""
    )
    expected = [f"StudyError {path}: damaged" for _, path in made]
    assert [line.partition(" (")[0] for line in said] == expected
    assert len(said) == len(READS) + 4
