"""What trials and the driver hand each other, without Ray: a trial asks the driver's side directly."""

from __future__ import annotations

import errno
import logging
from collections.abc import Callable
from pathlib import Path

import pytest
from studies import complete, epoch, prepared_study

from study.config import validate
from study.errors import TransferError
from study.machine.transfer import Part, Receiver
from study.records import StudyFolder
from study.tuning.courier import Courier
from study.tuning.desk import AttemptReplacedError
from study.tuning.faults import Action, Fault
from study.tuning.home import Home
from study.tuning.messages import (
    Deliver,
    Failure,
    Fetch,
    Holds,
    Hurried,
    Message,
    Refused,
    Report,
    Superseded,
    Where,
)
from study.tuning.remarks import remarking


class World:
    """The driver's study, and trials of it on other machines."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = StudyFolder(root / "home", "s")
        config = validate({"study": {"name": "s", "root": str(root / "home")}})
        self.folder.config.write(config)
        self.folder.prepared.write(prepared_study())
        self.folder.trial(0).parameters.write({"trainer.learning_rate": 0.1})
        self.reports: list[tuple[int, Report]] = []
        self.changed: list[int] = []
        self.home = Home(
            self.folder, self._judge, self.changed.append, lambda node: f"cache of {node}", lambda: None
        )

    def _judge(self, number: int, report: Report) -> bool:
        self.reports.append((number, report))
        return report.objective < 0.5

    def courier(self, attempt: str, machine: str = "there") -> Courier:
        def ask(message: Message) -> object:
            answer = self.home.handle(message)
            if isinstance(answer, Superseded):
                raise AttemptReplacedError
            if isinstance(answer, Refused):
                raise OSError(answer.errno, answer.text) if answer.errno else TransferError(answer.text)
            return answer

        return Courier(ask, 0, attempt, StudyFolder(self.root / machine, "s"), machine)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_a_trial_starts_from_the_study_s_files_and_brings_home_what_it_makes(world: World) -> None:
    courier = world.courier(world.home.expect(0))
    trial = courier.fetch()
    assert trial.searched() == {"trainer.learning_rate": 0.1}
    assert trial.study.prepared.read() == world.folder.prepared.read()
    assert trial.study.config.read().study.root == trial.study.path.parent

    trial.training.save(b"after 2", [epoch(1), epoch(2)])
    (trial.path / "private.txt").write_text("stays")
    assert not courier.report(epoch(2))
    at_home = world.folder.trial(0)
    assert at_home.training.load() == b"after 2"
    assert at_home.training.epochs.read() == [epoch(1), epoch(2)]
    assert world.reports == [(0, Report(2, 0.55))]
    assert not (at_home.path / "private.txt").exists()

    trial.result.write(complete(0, 0.5))
    courier.deliver()
    assert at_home.result.read() == complete(0, 0.5)
    assert set(world.changed) == {0}


def test_only_what_is_new_travels(world: World) -> None:
    courier = world.courier(world.home.expect(0))
    trial = courier.fetch()
    trial.training.save(b"after 1", [epoch(1)])
    courier.deliver()
    there = world.folder.trial(0).training
    before = there.checkpoint.path.stat().st_ino
    trial.training.epochs.write([epoch(1), epoch(2)])
    courier.deliver()
    assert there.checkpoint.path.stat().st_ino == before
    assert len(there.epochs.read()) == 2


def test_the_checkpoint_before_the_last_is_kept_at_home_and_used_if_the_last_is_damaged(world: World) -> None:
    first = world.courier(world.home.expect(0), "one")
    trial = first.fetch()
    for number in (1, 2, 3):
        trial.training.save(f"after {number}".encode(), [epoch(one) for one in range(1, number + 1)])
        if number != 2:
            first.deliver()
    at_home = world.folder.trial(0).training
    assert at_home.load() == b"after 3"
    damaged = bytearray(at_home.checkpoint.path.read_bytes())
    damaged[-1] ^= 1
    at_home.checkpoint.path.write_bytes(damaged)
    moved = world.courier(world.home.expect(0), "another").fetch()
    assert moved.training.load() == b"after 1"


def test_a_trial_goes_on_elsewhere_from_its_last_delivery(world: World) -> None:
    first = world.courier(world.home.expect(0), "one")
    trial = first.fetch()
    trial.training.save(b"after 2", [epoch(1), epoch(2)])
    first.deliver()
    trial.training.save(b"after 3", [epoch(1), epoch(2), epoch(3)])  # lost with its machine

    second = world.courier(world.home.expect(0), "another")
    moved = second.fetch()
    assert moved.training.load() == b"after 2"
    assert len(moved.training.epochs.read()) == 2
    with pytest.raises(AttemptReplacedError):
        first.deliver()
    assert world.folder.trial(0).training.load() == b"after 2"


def test_after_its_end_nothing_is_taken_from_an_attempt(world: World) -> None:
    token = world.home.expect(0)
    courier = world.courier(token)
    courier.fetch()
    failure = Failure(Fault(Action.FAIL, "TrainingError", "the loss is nan"), 2.0)
    courier.tell(failure)
    courier.tell(Holds("abc"))
    ended = world.home.release(0)
    assert (ended.failure, ended.placement_group, ended.nodes) == (failure, "abc", {"there"})
    assert world.home.handle(Message(0, token, Report(2, 0.5))) == Superseded()


def test_kept_probabilities_of_an_interrupted_judgement_do_not_stay(world: World) -> None:
    stale = world.folder.trial(0).kept.path / "CHSF-0001_DWI.npz"
    stale.parent.mkdir()
    stale.touch()
    world.home.expect(0)
    assert not stale.exists()


@pytest.mark.parametrize(
    "name", ["../../config.json", "parameters.json", "/etc/passwd", "probabilities/../result.json", "x"]
)
def test_a_trial_can_write_nothing_but_its_own_results(world: World, name: str) -> None:
    token = world.home.expect(0)
    answer = world.home.handle(Message(0, token, Deliver((Part(name, 0, b"evil", "0"),))))
    assert isinstance(answer, Refused)
    assert "not a file that is expected here" in answer.text


def test_a_trial_gets_nothing_but_what_it_starts_from(world: World) -> None:
    for name in ("subjects.csv", "optuna.db", "trials/0000/result.json", "trials/0001/checkpoint.pt"):
        (world.folder.path / name).parent.mkdir(parents=True, exist_ok=True)
        (world.folder.path / name).write_text("stays")
    world.folder.trial(0).training.save(b"after 1", [epoch(1)])
    fetched = world.courier(world.home.expect(0)).fetch().study.path
    assert sorted(path.relative_to(fetched).as_posix() for path in fetched.rglob("*") if path.is_file()) == [
        "config.json",
        "prepared.json",
        "trials/0000/checkpoint.pt",
        "trials/0000/epochs.jsonl",
        "trials/0000/parameters.json",
    ]


def test_each_process_of_a_trial_gets_all_its_files(world: World) -> None:
    token = world.home.expect(0)
    one, other = (iter(lambda one=reader: handed(one), ()) for reader in ("rank 0", "rank 1"))

    def handed(reader: str) -> object:
        return world.home.handle(Message(0, token, Fetch(reader, "there")))

    assert list(zip(one, other, strict=True)) != []
    assert handed("rank 0") == ()


def test_a_file_counts_as_brought_home_once_its_batch_has_arrived(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    courier = world.courier(world.home.expect(0))
    trial = courier.fetch()
    trial.training.save(b"after 1", [epoch(1)])
    take = Receiver.take
    monkeypatch.setattr(Receiver, "take", _lost)
    with pytest.raises(TransferError, match="lost"):
        courier.deliver()
    monkeypatch.setattr(Receiver, "take", take)
    courier.deliver()
    at_home = world.folder.trial(0).training
    assert (at_home.load(), len(at_home.epochs.read())) == (b"after 1", 1)


def _lost(receiver: Receiver, part: Part) -> bool:
    raise TransferError(f"{part.name}: lost")


def test_a_full_disk_of_the_driver_reaches_the_trial(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    courier = world.courier(world.home.expect(0))
    trial = courier.fetch()
    trial.training.save(b"after 1", [epoch(1)])

    def full(receiver: Receiver, part: Part) -> bool:
        raise OSError(errno.ENOSPC, "No space left on device", "/studies/s/checkpoint.pt")

    monkeypatch.setattr(Receiver, "take", full)
    with pytest.raises(OSError, match="No space left on device") as caught:
        courier.deliver()
    assert caught.value.errno == errno.ENOSPC


def test_the_driver_knows_who_waits_for_resources_and_who_has_hurried(world: World) -> None:
    courier = world.courier(world.home.expect(0))
    assert world.home.at_the_door() == {0}
    courier.fetch()
    assert world.home.at_the_door() == set()
    world.home.ask_all()
    assert world.home.waiting_for == [0]
    courier.tell(Hurried())
    assert world.home.waiting_for == []
    assert courier.tell(Where("a node")) == "cache of a node"


def test_a_later_file_is_never_at_home_without_the_earlier_ones(world: World) -> None:
    """A training that goes on while its files are being sent."""
    courier = world.courier(world.home.expect(0))
    trial = courier.fetch()
    trial.training.save(b"after 1", [epoch(1)])
    send: Callable[[Message], object] = courier._ask

    def ask(message: Message) -> object:
        if isinstance(message.content, Deliver) and message.content.parts[0].name == "checkpoint.pt":
            trial.training.save(b"after 2", [epoch(1), epoch(2)])
        return send(message)

    courier._ask = ask
    courier.deliver()
    at_home = world.folder.trial(0).training
    assert (at_home.load(), len(at_home.epochs.read())) == (b"after 1", 1)


def test_warnings_of_a_trial_come_home_with_its_files_and_where_an_attempt_failed(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    courier = world.courier(world.home.expect(0))
    courier.fetch()
    with remarking(courier):
        logging.getLogger("study.training").warning("memory is short: %d parts", 2)
        logging.getLogger("other").warning("of another package")
    logging.getLogger("study.training").warning("after the training")
    caplog.clear()  # of what the trial's own process has logged
    with caplog.at_level(logging.INFO):
        courier.deliver()
        courier.deliver()
        courier.tell(Failure(Fault(Action.FAIL, "a bug"), traceback="line 7\nKeyError"))
    assert caplog.messages == [
        "trial 0: memory is short: 2 parts",
        "trial 0: an attempt has failed\nline 7\nKeyError",
    ]


def test_of_many_warnings_the_last_ones_come_home(world: World, caplog: pytest.LogCaptureFixture) -> None:
    courier = world.courier(world.home.expect(0))
    courier.fetch()
    for number in range(100):
        courier.remark(f"warning {number}")
    courier.deliver()
    assert caplog.messages == [f"trial 0: warning {number}" for number in range(80, 100)]
