"""Where a study stands, found from its files alone; numbers worked out by hand."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from studies import complete, epoch, failed, prepared_study, pruned, write_study, write_trial

from study.commandline.composition import compose
from study.errors import StudyError
from study.records import Replicate, StudyFolder, TrackingHistory
from study.records.following import StatusReader
from study.records.status import BestTrial, FailureStatus, StudyStatus, TimeLeft, TrackingStatus, TrialCounts

BASE_MS = 1_700_000_000_000  # when the trainings of these tests began; an epoch takes a second
SETTINGS = (
    "search_space=gradual",
    "study.name=s",
    "study.trials=6",
    "trainer.epochs=8",
    "trainer.validate_every=2",
    "tuning.first_rung=0.25",  # rungs at epochs 2 and 4
    "tuning.reduction_factor=2",
)


@pytest.fixture
def folder(tmp_path: Path) -> StudyFolder:
    return write_study(compose([*SETTINGS, f"study.root={tmp_path}"]), prepared_study())


@pytest.fixture
def driven(folder: StudyFolder) -> Iterator[StudyFolder]:
    with folder.driven():
        folder.driver.confirm(trials=6)
        yield folder


def date(path: Path, seconds: float) -> None:
    """A file was written so many seconds after the trainings began."""
    at_s = BASE_MS / 1000 + seconds
    os.utime(path, (at_s, at_s))


def train(folder: StudyFolder, number: int, epochs: int) -> None:
    """A trial is handed out, and has so many epochs."""
    trial = folder.trial(number)
    trial.parameters.write({})
    if epochs:
        trial.training.epochs.write([epoch(one) for one in range(1, epochs + 1)])
        date(trial.training.epochs.path, epochs)


def status(folder: StudyFolder, seconds: float = 0) -> StudyStatus:
    """The status so many seconds after the trainings began."""
    return StatusReader(folder, lambda: BASE_MS / 1000 + seconds).read()


def test_a_study_that_nobody_runs(folder: StudyFolder) -> None:
    write_trial(folder, complete(0, 0.5))
    write_trial(folder, pruned(1))
    write_trial(folder, failed(2))
    train(folder, 3, epochs=2)
    found = status(folder)
    assert found.driver is None
    assert found.running == ()
    assert found.left is None
    assert found.requested == 6
    assert found.trials == TrialCounts(waiting=2, running=0, interrupted=1, complete=1, pruned=1, failed=1)
    assert found.trials.ended == 3
    assert Path(found.folder) == folder.path


def test_a_running_trial(driven: StudyFolder) -> None:
    train(driven, 0, epochs=5)
    [trial] = status(driven, seconds=7).running
    assert (trial.trial, trial.stage, trial.epoch, trial.epochs) == (0, "training", 5, 8)
    assert (trial.rung, trial.rungs) == (2, 2)
    assert trial.objective == 0.55  # of the fourth epoch, the last one that was validated
    assert trial.epoch_s == 1
    assert trial.heard_ms == BASE_MS + 5000
    assert trial.left_s == 1  # three epochs, of which two seconds have passed


@pytest.mark.parametrize(("epochs", "stage", "left_s"), [(0, "starting", None), (8, "judging", 0)])
def test_the_stage_of_a_trial(driven: StudyFolder, epochs: int, stage: str, left_s: float | None) -> None:
    train(driven, 0, epochs)
    [trial] = status(driven, seconds=epochs).running
    assert (trial.stage, trial.epoch, trial.left_s) == (stage, epochs, left_s)


def test_a_training_of_two_parts(tmp_path: Path) -> None:
    given = ("model=urn", "trainer=urn", "model.unified.pretraining_epochs=4", *SETTINGS)
    folder = write_study(compose([*given, f"study.root={tmp_path}"]), prepared_study())
    with folder.driven():
        folder.trial(0).parameters.write({})
        folder.trial(0).pretraining.epochs.write([epoch(1), epoch(2), epoch(3)])
        date(folder.trial(0).pretraining.epochs.path, 3)
        [trial] = status(folder, seconds=3).running
        assert (trial.stage, trial.epoch, trial.epochs, trial.rung) == ("pretraining", 3, 4, 0)
        assert trial.left_s == 1 + 8
        train(folder, 0, epochs=2)
        [trial] = status(folder, seconds=2).running
        assert (trial.stage, trial.epoch, trial.epochs, trial.rung) == ("training", 2, 8, 1)
        assert trial.left_s == 6


def test_the_time_left_follows_from_what_was_measured(driven: StudyFolder) -> None:
    assert status(driven).left is None
    ended = write_trial(driven, complete(0, epochs=8), epochs=[epoch(one) for one in range(1, 9)])
    date(ended.result.path, 8 + 5)  # five seconds of judging
    train(driven, 1, epochs=4)
    train(driven, 2, epochs=0)
    found = status(driven, seconds=6)
    assert [trial.left_s for trial in found.running] == [4 + 5 - 2, 8 + 5]
    # Three more of 13 s each: (7 + 13 + 3 * 13) / 2.
    assert found.left == TimeLeft(seconds=29.5, trials=5, at_a_time=2, epochs=8, epoch_s=1, judging_s=5)


def test_a_trial_of_an_earlier_run_is_interrupted_until_it_is_handed_out_again(folder: StudyFolder) -> None:
    train(folder, 0, epochs=4)
    date(folder.trial(0).parameters.path, 0)
    with folder.driven():
        reader = StatusReader(folder)
        assert (reader.read().running, reader.read().trials.interrupted) == ((), 1)
        folder.trial(0).parameters.write({})
        found = reader.read()
        assert [trial.epoch for trial in found.running] == [4]
        assert found.trials.interrupted == 0


def test_the_best_trial_has_the_highest_finite_objective(folder: StudyFolder) -> None:
    for number, value in enumerate((0.4, 0.7, 0.7, float("nan"))):
        write_trial(folder, complete(number, value))
    write_trial(folder, pruned(4, 0.9))
    assert status(folder).best == BestTrial(trial=1, objective=0.7)


def test_failures_are_told_by_reason_the_most_frequent_first(folder: StudyFolder) -> None:
    write_trial(folder, failed(0, "the loss is nan in epoch 3"))
    write_trial(folder, failed(1, "out of memory: 512.5 MB are lacking"))
    write_trial(folder, failed(2, "out of memory: 1024 MB are lacking"))
    assert status(folder).failures == (
        FailureStatus(reason="out of memory: 512.5 MB are lacking", count=2, trials=(1, 2)),
        FailureStatus(reason="the loss is nan in epoch 3", count=1, trials=(0,)),
    )


def test_what_the_tracking_has(folder: StudyFolder) -> None:
    write_trial(folder, complete(0))
    write_trial(folder, complete(1))

    def tracked(sent: int, failure: str | None = None) -> TrackingStatus | None:
        folder.tracking.write(TrackingHistory(study_id="a", sent=sent, failure=failure, written_ms=1))
        return status(folder).tracking

    assert status(folder).tracking == TrackingStatus(state="waiting", sent=0, waiting=2, failure=None)
    assert tracked(1) == TrackingStatus(state="waiting", sent=1, waiting=1, failure=None)
    assert tracked(2) == TrackingStatus(state="sent", sent=2, waiting=0, failure=None)
    assert tracked(1, "refused") == TrackingStatus(state="away", sent=1, waiting=1, failure="refused")


def test_nothing_is_told_of_a_tracking_that_is_off(tmp_path: Path) -> None:
    config = compose([*SETTINGS, f"study.root={tmp_path}", "tracking.enabled=false"])
    assert status(write_study(config, prepared_study())).tracking is None


def test_a_reader_finds_what_is_new(driven: StudyFolder) -> None:
    reader = StatusReader(driven, lambda: BASE_MS / 1000)
    assert reader.read().trials.waiting == 6
    train(driven, 0, epochs=2)
    assert [trial.epoch for trial in reader.read().running] == [2]
    train(driven, 0, epochs=6)
    train(driven, 1, epochs=1)
    assert [trial.epoch for trial in reader.read().running] == [6, 1]
    write_trial(driven, pruned(0, epochs=6))
    found = reader.read()
    assert [trial.trial for trial in found.running] == [1]
    assert (found.trials.pruned, found.trials.waiting) == (1, 4)


def test_trials_that_have_ended_are_read_once(folder: StudyFolder) -> None:
    trial = write_trial(folder, complete(0))
    reader = StatusReader(folder)
    reader.read()
    trial.result.path.write_text("{")
    assert reader.read().trials.complete == 1
    with pytest.raises(StudyError, match=r"result\.json: damaged"):
        StatusReader(folder).read()


def test_more_trials_than_the_configuration_says(driven: StudyFolder) -> None:
    driven.driver.confirm(trials=20)
    assert status(driven).requested == 20


def test_nothing_is_written(folder: StudyFolder) -> None:
    train(folder, 0, epochs=2)
    before = {path: path.stat().st_mtime_ns for path in folder.path.rglob("*")}
    status(folder)
    assert {path: path.stat().st_mtime_ns for path in folder.path.rglob("*")} == before


def test_replicates_are_waited_for_while_the_search_runs(tmp_path: Path) -> None:
    config = compose([*SETTINGS, f"study.root={tmp_path}", "study.replicates=2"])
    folder = write_study(config, prepared_study())
    waiting = TrialCounts(waiting=4, running=0, interrupted=0, complete=0, pruned=0, failed=0)
    assert status(folder).replicates == waiting
    with folder.driven():
        folder.driver.confirm(trials=6)
        train(folder, 0, epochs=4)
        found = status(folder, seconds=4)
        # Four of eight epochs of a second are left of one trial, and eight of five more and of four replicates.
        assert found.left is not None
        assert (found.left.trials, found.left.seconds) == (10, 4 + 9 * 8)


def test_replicates_that_run(tmp_path: Path) -> None:
    config = compose([*SETTINGS, f"study.root={tmp_path}", "study.replicates=2"])
    folder = write_study(config, prepared_study())
    write_trial(folder, complete(0, 0.5, epochs=8))
    for number, seed in enumerate((1, 2)):  # the winner has no rival
        folder.replicates.trial(number).replicate.write(Replicate(trial=0, seed=seed))
    with folder.driven():
        folder.driver.confirm(trials=None)
        train(folder.replicates, 0, epochs=3)
        found = status(folder, seconds=3)
    assert found.trials.ended == 1
    assert found.replicates == TrialCounts(
        waiting=1, running=1, interrupted=0, complete=0, pruned=0, failed=0
    )
    [running] = found.running
    assert (running.trial, running.seed, running.epoch, running.rungs) == (0, 1, 3, 0)
    write_trial(folder.replicates, complete(0, 0.4, epochs=8))
    found = status(folder)
    assert found.replicates is not None
    assert (found.replicates.complete, found.replicates.waiting) == (1, 1)
    assert found.best == BestTrial(trial=0, objective=0.5)


def test_nothing_is_told_of_replicates_where_none_are_wanted(folder: StudyFolder) -> None:
    assert status(folder).replicates is None


def test_it_can_be_read_back_from_json(driven: StudyFolder) -> None:
    train(driven, 0, epochs=5)
    write_trial(driven, failed(1))
    found = status(driven)
    assert StudyStatus.model_validate_json(found.model_dump_json()) == found
