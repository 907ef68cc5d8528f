"""What is read and sent when a trial changes, with a store that only notes what it is given."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from studies import complete, epoch, failed, prepared_study, pruned, write_study, write_trial

from study.config import validate
from study.errors import StudyError
from study.records import Replicate, StudyFolder, Summary
from study.records.files import RecordFile, StoredFile
from study.records.training import EpochsFile
from study.tracking import sender as module
from study.tracking.records import Point, RunRecord
from study.tracking.sender import Sender
from study.tracking.store import StoredRun


class NotingStore:
    """Runs by name; `sent` lists which were written since it was last cleared."""

    def __init__(self) -> None:
        self.made: dict[str, StoredRun] = {}
        self.states: dict[str, str] = {}
        self.points: Counter[tuple[str, Point]] = Counter()
        self.sent: list[str] = []
        self.tags: dict[str, str] = {}
        self.experiment = "7"
        self.refused: str | None = None

    def runs(self, tag: str, value: str, key: str, seals: Any) -> dict[str, StoredRun]:
        return {name: StoredRun(run.id, run.name, dict(run.seal)) for name, run in self.made.items()}

    def make(self, tags: Mapping[str, str], name: str, begun_ms: int | None) -> StoredRun:
        trial = tags["fadeout.trial"]
        assert trial not in self.made
        self.made[trial] = StoredRun(trial, name, new=True)
        return self.made[trial]

    def tag_experiment(self, name: str, value: str) -> None:
        self.tags[name] = value

    def write(
        self, run: StoredRun, record: RunRecord, points: Sequence[Point], seal: Mapping[str, str]
    ) -> None:
        if run.id == self.refused:
            raise ConnectionError("away")
        self.states[run.id] = record.state
        self.made[run.id].name = record.name
        self.points.update((run.id, point) for point in points)
        self.made[run.id].seal = run.seal = dict(seal)
        self.sent.append(run.id)

    def take(self) -> list[str]:
        """What was written since the last time."""
        sent, self.sent = self.sent, []
        return sent


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> NotingStore:
    noting = NotingStore()
    monkeypatch.setattr(module, "RunStore", lambda tracking, folder: noting)
    return noting


def study(root: Path, trials: int) -> tuple[Sender, StudyFolder]:
    """A study in which all trials but the last have ended; that one has an epoch."""
    config = validate({"study": {"name": "s", "root": str(root), "trials": trials}})
    folder = write_study(config, prepared_study())
    for number in range(trials - 1):
        write_trial(folder, pruned(number), epochs=[epoch(1)])
    last = folder.trial(trials - 1)
    last.parameters.write({})
    last.training.epochs.write([epoch(1)])
    return Sender(config, folder), folder


def resumed(folder: StudyFolder) -> Sender:
    return Sender(folder.config.read(), folder)


@pytest.mark.parametrize("trials", [3, 30])
def test_a_change_reads_and_sends_one_trial_in_a_study_of_any_size(
    tmp_path: Path, store: NotingStore, monkeypatch: pytest.MonkeyPatch, trials: int
) -> None:
    sender, folder = study(tmp_path, trials)
    assert sender.send((), running=True) == trials
    assert store.take() == ["none", *map(str, range(trials))]
    opened: Counter[str] = Counter()
    for kind, name in ((RecordFile, "read"), (StoredFile, "digest"), (EpochsFile, "read")):
        monkeypatch.setattr(kind, name, _noting(getattr(kind, name), opened))
    monkeypatch.setattr(StudyFolder, "trials", None)  # it lists all trials

    folder.trial(1).result.write(complete(1, 0.9))
    assert sender.send({1}, running=True) == 1
    assert store.take() == ["none", "1"]
    assert {name for name in opened if name.isdecimal()} == {"0001"}
    assert sender.send((), running=True) == 0
    assert store.take() == []


def _noting(method: Any, opened: Counter[str]) -> Any:
    def noting(self: StoredFile) -> Any:
        opened[self.path.parent.name] += 1
        return method(self)

    return noting


def test_at_the_end_only_what_had_not_ended_is_sent_again(tmp_path: Path, store: NotingStore) -> None:
    sender, _ = study(tmp_path, 4)
    sender.send((), running=True)
    assert (store.states["2"], store.states["3"]) == ("pruned", "running")
    store.take()
    assert sender.send((), running=False) == 1
    assert store.take() == ["none", "3"]
    assert store.states["3"] == "interrupted"


def test_a_resumed_study_sends_what_the_store_lacks(tmp_path: Path, store: NotingStore) -> None:
    sender, folder = study(tmp_path, 4)
    sender.send((), running=True)
    store.take()
    write_trial(folder, failed(3), epochs=[epoch(1)])  # ended, and the driver was killed before it was sent
    again = resumed(folder)
    assert again.send((), running=True) == 1
    assert store.take() == ["none", "3"]
    assert store.states["3"] == "failed"
    assert resumed(folder).send((), running=True) == 0
    assert store.take() == []


def test_what_could_not_be_sent_stays_pending(tmp_path: Path, store: NotingStore) -> None:
    sender, _ = study(tmp_path, 4)
    store.refused = "1"
    with pytest.raises(ConnectionError):
        sender.send((), running=True)
    assert store.take() == ["none", "0"]
    store.refused = None
    assert sender.send((), running=True) == 3
    assert store.take() == ["1", "2", "3"]


def test_an_end_that_could_not_be_read_at_first_is_sent_later(tmp_path: Path, store: NotingStore) -> None:
    sender, folder = study(tmp_path, 3)
    sender.send((), running=True)
    store.take()
    folder.trial(2).result.path.write_text("{")
    with pytest.raises(StudyError, match=r"result\.json: damaged"):
        sender.send({2}, running=True)
    folder.trial(2).result.write(complete(2, 0.5))
    assert sender.send((), running=True) == 1
    assert store.take() == ["none", "2"]
    assert store.states["2"] == "complete"


def test_the_study_s_progress_is_sent_once_by_all_processes_together(
    tmp_path: Path, store: NotingStore
) -> None:
    sender, folder = study(tmp_path, 4)
    sender.send((), running=True)
    folder.trial(3).result.write(complete(3, 0.5))
    sender.send({3}, running=True)
    again = resumed(folder)
    folder.trial(2).result.write(complete(2, 0.75))
    again.send((), running=False)
    progress = {
        (point.key, point.step): point.value for (run, point), _ in store.points.items() if run == "none"
    }
    assert max(count for (run, _), count in store.points.items() if run == "none") == 1
    assert [progress["trials/complete", step] for step in range(1, 6)] == [0, 0, 0, 1, 2]
    assert [progress["trials/pruned", step] for step in range(1, 6)] == [1, 2, 3, 3, 2]
    assert [progress["best_objective", step] for step in (4, 5)] == [0.5, 0.75]


def test_replicates_are_runs_of_their_own_and_no_trials(
    tmp_path: Path, store: NotingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    sender, folder = study(tmp_path, 2)
    sender.send((), running=True)
    store.take()
    tags: dict[str, dict[str, str]] = {}
    make = store.make
    monkeypatch.setattr(
        store, "make", lambda own, name, ms: (tags.update({name: own}), make(own, name, ms))[1]
    )
    planned, begun = folder.replicates.trial(0), folder.replicates.trial(1)
    planned.replicate.write(Replicate(trial=0, seed=1))
    begun.replicate.write(Replicate(trial=1, seed=3))
    begun.parameters.write({"study.seed": 3})
    assert sender.send({1}, running=True) == 1
    assert "replicate 1" in store.take()
    assert list(tags) == ["trial 0001, seed 3"]  # what has not begun has no run
    own = tags["trial 0001, seed 3"]
    assert (own["fadeout.replicate"], own["fadeout.seed"], own["mlflow.parentRunId"]) == ("1", "3", "none")

    begun.result.write(pruned(1))
    begun.training.epochs.write([epoch(1)])
    sender.send({1}, running=False)
    assert {"none", "replicate 1"} <= set(store.take())  # the study's tables may have changed
    assert store.states["replicate 1"] == "pruned"
    assert [event.trial for event in sender.history.finished] == [0]
    assert sender.send((), running=False) == 0
    assert store.take() == []


def test_what_the_store_has_is_written_down(tmp_path: Path, store: NotingStore) -> None:
    sender, folder = study(tmp_path, 4)  # three have ended
    store.refused = "1"
    with pytest.raises(ConnectionError):
        sender.send((), running=True)
    sender.record("away")
    assert (folder.tracking.read().sent, folder.tracking.read().failure) == (1, "away")
    store.refused = None
    sender.send((), running=True)
    sender.record(None)
    assert (folder.tracking.read().sent, folder.tracking.read().failure) == (3, None)
    again = resumed(folder)
    again.record("the store does not answer")  # it is not known what the store has: as before
    assert folder.tracking.read().sent == 3


def test_names_say_what_became_of_a_trial_and_which_one_won(tmp_path: Path, store: NotingStore) -> None:
    sender, folder = study(tmp_path, 4)
    folder.trial(1).result.write(failed(1, "why"))
    write_trial(folder, complete(3, 0.5), epochs=[epoch(1)], rows=[])
    sender.send((), running=True)
    assert [store.made[str(number)].name for number in range(4)] == [
        "trial 0000 (pruned)",
        "trial 0001 (failed)",
        "trial 0002 (pruned)",
        "trial 0003",
    ]
    folder.summary.write(Summary(study="s", states={"complete": 1}, winner=3))
    sender.send((), running=False)
    assert store.made["3"].name == "trial 0003 (winner)"

    write_trial(folder, complete(2, 0.75), epochs=[epoch(1)], rows=[])
    folder.summary.write(Summary(study="s", states={"complete": 2}, winner=2))
    resumed(folder).send((), running=False)
    assert (store.made["2"].name, store.made["3"].name) == ("trial 0002 (winner)", "trial 0003")


def test_the_page_of_the_study_is_made_and_written_down_once(tmp_path: Path, store: NotingStore) -> None:
    sender, folder = study(tmp_path, 2)
    sender.send((), running=True)
    sender.record(None)
    (tag,) = store.tags
    key = tag.removeprefix("mlflow.sharedViewState.")
    assert (
        folder.tracking.read().page
        == f"#/experiments/7/runs?workflowType=machine_learning&viewStateShareKey={key}"
    )
    again = resumed(folder)
    again.record("the store does not answer")
    assert folder.tracking.read().page is not None
    again.send((), running=True)
    assert list(store.tags) == [tag]
