"""The database of a study, with faults injected at the driver: each operation is carried out once."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from databases import BACKENDS, hand_out, make_ledger, make_study, url_of
from postgres import PASSWORD, Postgres
from studies import complete, pruned

from study.errors import StudyError
from study.records import StudyFolder
from study.tuning import outages
from study.tuning.ledger import Ledger
from study.tuning.storage import HANDED_OUT

Told = list[tuple[int, str, dict[str, Any], list[float] | None, dict[int, float]]]


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outages, "FIRST_PAUSE_S", 0.0)


def fail_half_of_the_commits(ledger: Ledger, *, carried_out: bool) -> list[str]:
    """From now on, half of the commits end in an error, before they are carried out or after; returns them."""
    dialect = ledger._database.storage._backend.engine.dialect
    commit: Callable[[Any], None] = dialect.do_commit
    chance, failed = random.Random(0), list[str]()

    def failing(connection: Any) -> None:
        fails = chance.random() < 0.5
        if carried_out or not fails:
            commit(connection)
        if fails:
            failed.append(dialect.name)
            raise lost_connection(dialect.name)

    dialect.do_commit = failing
    return failed


def lost_connection(dialect: str) -> Exception:
    """What the driver raises."""
    if dialect == "sqlite":
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode = sqlite3.SQLITE_IOERR  # type: ignore[misc]
        return error
    import psycopg

    return psycopg.OperationalError("server closed the connection unexpectedly")


def run(root: Path, url: str | None, carried_out: bool | None) -> tuple[Told, Ledger]:
    """Two trials of three, one complete and one pruned, and a third that is handed out; what the database holds."""
    config, folder = make_study(root, url)
    ledger = make_ledger(config, folder)
    failed = None if carried_out is None else fail_half_of_the_commits(ledger, carried_out=carried_out)
    for number in range(3):
        assert hand_out(config, ledger)[0] == number
        ledger.report(number, 2, 0.25)
        if number < 2:
            folder.trial(number).result.write((complete, pruned)[number](number, 0.5))
            ledger.end(number)
    assert hand_out(config, ledger)[0] == 3  # beyond those in turn: created, not popped
    assert failed is None or len(failed) > 10
    return told(ledger), ledger


def told(ledger: Ledger) -> Told:
    return [(t.number, t.state.name, t.params, t.values, t.intermediate_values) for t in ledger.trials()]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("carried_out", [False, True])
def test_an_operation_that_failed_or_whose_answer_was_lost_is_carried_out_once(
    tmp_path: Path, backend: str, carried_out: bool, request: pytest.FixtureRequest
) -> None:
    undisturbed, _ = run(tmp_path / "a", None, None)
    disturbed, ledger = run(tmp_path / "b", url_of(backend, request, tmp_path), carried_out)
    assert disturbed == undisturbed
    assert [state for _, state, *_ in disturbed] == ["COMPLETE", "PRUNED", "RUNNING", "RUNNING"]
    marks = [trial.system_attrs[HANDED_OUT] for trial in ledger.trials()]
    assert len(set(marks)) == 4
    assert all(mark.startswith(ledger.lease.token) for mark in marks)


def test_a_database_that_stays_away_ends_the_study_with_the_way_to_resume(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outages, "BOUND_S", 0.0)
    monkeypatch.setattr(outages, "FIRST_PAUSE_S", 1.0)
    config, folder = make_study(tmp_path)
    ledger = make_ledger(config, folder)
    fail_half_of_the_commits(ledger, carried_out=False)
    with pytest.raises(StudyError, match=r"disk I/O error\); start it again, then .* resume=true"):
        hand_out(config, ledger)


def test_an_interruption_in_the_middle_of_a_transaction_is_passed_on(tmp_path: Path) -> None:
    config, folder = make_study(tmp_path)
    ledger = make_ledger(config, folder)

    def interrupt(connection: Any) -> None:
        raise KeyboardInterrupt

    dialect = ledger._database.storage._backend.engine.dialect
    commit, dialect.do_commit = dialect.do_commit, interrupt
    with pytest.raises(KeyboardInterrupt):
        hand_out(config, ledger)
    dialect.do_commit = commit
    assert hand_out(config, ledger)[0] == 0


def test_another_study_that_makes_the_tables_at_the_same_moment_does_no_harm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from optuna.storages import RDBStorage
    from sqlalchemy.exc import OperationalError

    begin = RDBStorage.__init__
    collisions = [OperationalError("CREATE TABLE studies", None, Exception("table studies already exists"))]

    def colliding(self: RDBStorage, *arguments: Any, **named: Any) -> None:
        if collisions:
            raise collisions.pop()
        begin(self, *arguments, **named)

    monkeypatch.setattr(RDBStorage, "__init__", colliding)
    config, folder = make_study(tmp_path)
    assert hand_out(config, make_ledger(config, folder))[0] == 0
    assert collisions == []


@pytest.mark.slow
def test_a_refused_password_is_not_repeated_in_the_message(postgres: Postgres, tmp_path: Path) -> None:
    config, folder = make_study(tmp_path, postgres.url.replace(PASSWORD, "open%20sesame"))
    with pytest.raises(
        StudyError, match=r"cannot be opened \(OperationalError: .*password.*PGPASSWORD"
    ) as error:
        make_ledger(config, folder)
    assert "sesame" not in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.slow
def test_the_password_may_come_from_the_environment(
    postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    config, folder = make_study(tmp_path, postgres.bare + "&application_name=mine")
    with make_ledger(config, folder) as ledger:
        assert hand_out(config, ledger)[0] == 0


def test_a_missing_driver_is_named(tmp_path: Path) -> None:
    config, folder = make_study(tmp_path, "mssql+nothing://host/db")
    with pytest.raises(StudyError, match=r"tuning\.storage: the database cannot be opened"):
        make_ledger(config, folder)
    assert StudyFolder(tmp_path, "s").database.exists() is False
