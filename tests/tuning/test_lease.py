"""Who drives a study: alive, dead, and only thought dead."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from databases import BACKENDS, hand_out, make_ledger, make_study, url_of
from studies import complete

from study.errors import StudyError, TakenOverError
from study.tuning import database
from study.tuning import lease as lease_module
from study.tuning.lease import Lease
from study.tuning.ledger import Ledger
from study.tuning.outages import Patience


@pytest.fixture(params=BACKENDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return url_of(request.param, request, tmp_path)


def lease_of(url: str, folder: Path) -> Lease:
    """A lease that another host or process asks for, from its folder."""
    folder.mkdir(exist_ok=True)
    return Lease(database._connect(url).engine, "s", folder, Patience())


def never(seconds: float) -> None:
    raise AssertionError("there was nothing to wait for")


def test_a_driver_that_is_alive_is_not_displaced(url: str, tmp_path: Path) -> None:
    first, second = lease_of(url, tmp_path / "a"), lease_of(url, tmp_path / "b")
    first.take(never)
    with pytest.raises(StudyError, match=rf"another driver runs 's' \({first._own['driver']}\); wait for it"):
        second.take(lambda seconds: first.renew())
    first.check()
    assert first.renew()
    assert not second.renew()


def test_a_driver_whose_beat_stands_still_for_half_a_minute_is_displaced(url: str, tmp_path: Path) -> None:
    first, second = lease_of(url, tmp_path / "a"), lease_of(url, tmp_path / "b")
    first.take(never)
    first.renew()
    waited: list[float] = []
    second.take(waited.append)
    assert sum(waited) == 30
    second.check()
    assert not first.renew()
    for _ in range(2):
        with pytest.raises(TakenOverError, match="another driver has taken 's' over"):
            first.check()


def test_who_holds_the_lock_of_the_same_folder_does_not_wait(url: str, tmp_path: Path) -> None:
    first, second = lease_of(url, tmp_path / "a"), lease_of(url, tmp_path / "a")
    first.take(never)
    second.take(never)
    second.check()
    assert not first.renew()


def test_another_machine_waits_even_if_its_folder_looks_the_same(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lease_of(url, tmp_path / "a").take(never)
    other = tmp_path / "boot_id"
    other.write_text("another start of a machine\n")
    monkeypatch.setattr(lease_module, "BOOT_ID", other)
    waited: list[float] = []
    lease_of(url, tmp_path / "a").take(waited.append)
    assert waited


def test_a_lease_that_was_given_back_is_free(url: str, tmp_path: Path) -> None:
    first, second = lease_of(url, tmp_path / "a"), lease_of(url, tmp_path / "b")
    first.take(never)
    first.release()
    second.take(never)
    second.check()


def test_of_two_that_find_it_dead_one_gets_it(url: str, tmp_path: Path) -> None:
    first, second, third = (lease_of(url, tmp_path / name) for name in "abc")
    first.take(never)

    def while_waiting(seconds: float) -> None:
        if not third_took:
            third_took.append(True)
            third.take(lambda seconds: None)

    third_took: list[bool] = []
    with pytest.raises(StudyError, match="another driver runs 's'"):
        second.take(while_waiting)
    third.check()


def test_a_driver_learns_of_its_loss_from_its_next_beat(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease_module, "BEAT_S", 0.001)
    first, second = lease_of(url, tmp_path / "a"), lease_of(url, tmp_path / "a")
    first.take(never)
    told = threading.Event()
    first.keep(told.set)
    second.take(never)
    assert told.wait(60)
    assert first.lost
    first.release()
    second.check()  # what is given back is one's own alone


def contents(ledger: Ledger) -> list[tuple[Any, ...]]:
    return [(t.number, t.state, t.params, t.values, t.intermediate_values) for t in ledger.trials()]


def test_a_displaced_driver_writes_nothing_more(url: str, tmp_path: Path) -> None:
    config, folder = make_study(tmp_path, url)
    paused = make_ledger(config, folder)
    hand_out(config, paused)
    hand_out(config, paused)
    trial = paused.next_trial()
    folder.trial(1).result.write(complete(1, 0.5))
    awake = make_ledger(config, folder)
    before = contents(awake)
    for write in (
        paused.next_trial,
        lambda: paused.report(0, 2, 0.5),
        lambda: trial.suggest_float("trainer.learning_rate", 0.001, 0.1),
        lambda: paused.stop(0),
        lambda: paused._database.study.enqueue_trial({}),
        lambda: paused._database.study.tell(0, 0.5),
    ):
        with pytest.raises(TakenOverError):
            write()
    assert contents(awake) == before
    assert awake.settled == [1]
    assert not folder.trial(0).result.exists
    assert hand_out(config, awake)[0] == 0


def test_a_take_over_in_the_middle_of_a_transaction_undoes_it(url: str, tmp_path: Path) -> None:
    config, folder = make_study(tmp_path, url)
    paused = make_ledger(config, folder)
    hand_out(config, paused)
    thief = Lease(database._connect(url).engine, "s", folder.path, Patience())
    backend = paused._database.storage._backend
    outcome: list[str] = []

    def displace(session: Any, context: Any) -> None:
        """After the rows are written, before the lease is confirmed."""
        if outcome:
            return
        outcome.append("tried")
        if backend.engine.name == "postgresql":
            thief.take(never)
        else:
            other = sqlite3.connect(backend.engine.url.database, timeout=0)
            with pytest.raises(sqlite3.OperationalError, match="locked"):
                other.execute("UPDATE fadeout_lease SET token = 'x'")
            other.close()

    sqlalchemy.event.listen(backend.scoped_session, "after_flush", displace)
    if backend.engine.name == "postgresql":
        with pytest.raises(TakenOverError):
            paused.report(0, 2, 0.5)
        assert paused.trials()[0].intermediate_values == {}
    else:  # a database that is locked as a whole cannot change hands meanwhile
        paused.report(0, 2, 0.5)
    assert outcome == ["tried"]


@pytest.mark.slow
def test_nobody_takes_over_between_the_confirmation_and_the_end_of_a_transaction(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = url_of("postgresql", request, tmp_path)
    config, folder = make_study(tmp_path, url)
    ledger = make_ledger(config, folder)
    hand_out(config, ledger)
    plain = sqlalchemy.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    backend = ledger._database.storage._backend
    written, locked = list[bool](), list[bool]()

    def look(session: Any) -> None:
        """After the confirmation, before the commit."""
        if not written:
            return
        with plain.begin() as connection, pytest.raises(sqlalchemy.exc.OperationalError, match="lock"):
            connection.exec_driver_sql("SELECT 1 FROM fadeout_lease FOR UPDATE NOWAIT")
        locked.append(True)

    sqlalchemy.event.listen(backend.scoped_session, "after_flush", lambda *_: written.append(True))
    sqlalchemy.event.listen(backend.scoped_session, "before_commit", look)
    ledger.report(0, 2, 0.5)
    plain.dispose()
    assert locked
