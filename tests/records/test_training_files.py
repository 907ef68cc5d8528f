from __future__ import annotations

import math
from pathlib import Path

import pytest

from study.errors import StudyError
from study.records.files import BytesFile
from study.records.training import EpochsFile, TrainingFiles
from study.training.epoch import Epoch, ValidationScores

EPOCHS = [
    Epoch(1, 10, 0.5, 0.75, 0.01, 0.75, {"B0": 0.5}),
    Epoch(2, 20, 0.5, 0.5, 0.01, 0.5, {"B0": 0.25}, ValidationScores(0.5, 0.25, 0.125, 0.375)),
]


@pytest.fixture
def files(tmp_path: Path) -> TrainingFiles:
    return TrainingFiles(tmp_path / "checkpoint.pt", tmp_path / "epochs.jsonl")


def test_a_training_that_has_not_begun_has_neither_checkpoint_nor_epochs(files: TrainingFiles) -> None:
    assert files.load() is None
    assert files.epochs.read() == []


def test_what_is_saved_is_loaded(files: TrainingFiles) -> None:
    files.save(b"state", EPOCHS)
    assert files.load() == b"state"
    assert files.epochs.read() == EPOCHS
    assert files.name.endswith("checkpoint.pt")


def test_an_epoch_is_listed_only_once_it_can_be_resumed(
    files: TrainingFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    files.save(b"first", EPOCHS[:1])

    def killed(file: EpochsFile, epochs: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(EpochsFile, "write", killed)
    with pytest.raises(KeyboardInterrupt):
        files.save(b"second", EPOCHS)
    assert files.load() == b"second"
    assert files.epochs.read() == EPOCHS[:1]


def test_a_score_of_nobody_stays_nan(files: TrainingFiles) -> None:
    scores = ValidationScores(0.5, math.nan, 0.5, 0.5)
    files.save(b"", [Epoch(1, 0, 0.0, 0.0, 0.0, 0.0, {}, scores)])
    [epoch] = files.epochs.read()
    assert epoch.validation is not None
    assert math.isnan(epoch.validation.missing)


@pytest.mark.parametrize(
    ("line", "problem"),
    [("{", "line 1: "), ("[]", "line 1: "), ('{"epoch": 1}', "line 1: time_ms is missing")],
)
def test_a_damaged_line_is_named(files: TrainingFiles, line: str, problem: str) -> None:
    files.epochs.path.write_text(line + "\n")
    with pytest.raises(StudyError, match=rf"epochs\.jsonl: damaged \({problem}"):
        files.epochs.read()


def flipped(content: bytes, place: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


@pytest.mark.parametrize("place", [0, 21, 60, -1], ids=["mark", "digest", "content", "end"])
def test_a_flipped_bit_falls_back_to_the_checkpoint_before(
    files: TrainingFiles, caplog: pytest.LogCaptureFixture, place: int
) -> None:
    files.save(b"first state", EPOCHS[:1])
    files.save(b"second state", EPOCHS)
    path = files.checkpoint.path
    path.write_bytes(flipped(path.read_bytes(), place % path.stat().st_size))
    again = TrainingFiles(path, files.epochs.path)
    assert again.load() == b"first state"
    assert "checkpoint.pt: damaged" in caplog.text
    assert "continues from the checkpoint before it" in caplog.text
    again.save(b"repeated", EPOCHS)
    assert (again.load(), files.before.read()[-11:]) == (b"repeated", b"first state")


def test_every_flipped_bit_of_a_checkpoint_is_noticed(files: TrainingFiles) -> None:
    files.save(b"some state", EPOCHS)
    intact = files.checkpoint.path.read_bytes()
    for place in range(len(intact)):
        files.checkpoint.path.write_bytes(flipped(intact, place))
        assert TrainingFiles(files.checkpoint.path, files.epochs.path).load() is None, place


def test_with_both_checkpoints_damaged_the_training_starts_anew_and_says_so(
    files: TrainingFiles, caplog: pytest.LogCaptureFixture
) -> None:
    files.save(b"first", EPOCHS[:1])
    files.save(b"second", EPOCHS)
    for file in (files.checkpoint, files.before):
        file.path.write_bytes(file.path.read_bytes()[:-1])
    assert files.load() is None
    assert "the training starts anew" in caplog.text


def test_a_kill_between_the_two_checkpoints_loses_none(
    files: TrainingFiles, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    files.save(b"first", EPOCHS[:1])

    def killed(file: BytesFile, content: bytes) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(BytesFile, "write", killed)
    with pytest.raises(KeyboardInterrupt):
        files.save(b"second", EPOCHS)
    assert not files.checkpoint.exists
    assert TrainingFiles(files.checkpoint.path, files.epochs.path).load() == b"first"
    assert caplog.text == ""


def test_saving_in_a_new_process_does_not_put_a_damaged_checkpoint_behind(files: TrainingFiles) -> None:
    files.save(b"first", EPOCHS[:1])
    files.save(b"second", EPOCHS)
    files.checkpoint.path.write_bytes(b"damaged")
    TrainingFiles(files.checkpoint.path, files.epochs.path).save(b"third", EPOCHS)
    assert files.load() == b"third"
    assert files.before.read().endswith(b"first")
