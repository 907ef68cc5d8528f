"""Who drives a study: a row in its database, which every write confirms. Imports SQLAlchemy.

A lock on the study's folder is instant, and knows one machine. The lease knows all that share the database. Its holder
counts up a number every few seconds. Another driver takes the study over once it has seen the number stand still for
long enough, or at once if the holder ran on this machine in the same folder, since whoever asks holds the lock of the
folder. No clocks of two machines are compared.

A driver that was only thought dead (paused, or cut off) cannot write when it wakes up: each transaction that writes
reads the lease before it ends, and locks it until it has ended. A take-over is thus either before it, and the
transaction fails, or after it.
"""

from __future__ import annotations

import logging
import os
import platform
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import BigInteger, Column, Engine, MetaData, String, Table, event, insert, select, update
from sqlalchemy.engine import Row
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from study.errors import StudyError, TakenOverError
from study.machine.identity import BOOT_ID
from study.tuning.outages import DatabaseAwayError, Patience

__all__ = ["Lease"]

logger = logging.getLogger(__name__)
BEAT_S = 5.0  # between two beats of a holder
LOOK_S, LOOKS = 3.0, 10  # a lease whose beat stands still for so many looks is taken over
FREE = ""

metadata = MetaData()
LEASES = Table(
    "fadeout_lease",
    metadata,
    Column("study", String(512), primary_key=True),
    Column("token", String(64), nullable=False),
    Column("place", String(255), nullable=False),
    Column("driver", String(255), nullable=False),
    Column("beat", BigInteger, nullable=False),
)


class Lease:
    """The lease of one study for one driver.

    Attributes:
        token: identity of this driver.
        lost: whether it is known that another driver has taken over.

    Args:
        engine: of the database; raises DatabaseAwayError where an error passes.
        study: its name.
        folder: of the study; the caller holds its lock.
        patience: waits for the database.
    """

    def __init__(self, engine: Engine, study: str, folder: Path, patience: Patience) -> None:
        self.token = uuid.uuid4().hex
        self.lost = False
        self._engine, self._study, self._patience = engine, study, patience
        self._own = {
            "token": self.token,
            "place": place_of(folder),
            "driver": f"{platform.node()}, process {os.getpid()}",
            "beat": 0,
        }
        self._released = threading.Event()
        self._beating: threading.Thread | None = None

    def take(self, sleep: Callable[[float], object] = time.sleep) -> None:
        """Take the lease; waits for as long as a dead holder needs to be known as such.

        Raises:
            StudyError: another driver runs the study.
            DatabaseAwayError: the database cannot be reached.
        """
        metadata.create_all(self._engine)
        before, looks = None, 0
        while (row := self._read()) is None or row.token != self.token:
            if row is None:
                self._claim_first()
            elif row.token == FREE or row.place == self._own["place"] or looks >= LOOKS:
                self._claim_from(row)
            elif before is not None and (row.token, row.beat) != (before.token, before.beat):
                raise StudyError(
                    f"study.name: another driver runs '{self._study}' ({row.driver}); "
                    "wait for it or end it, or choose another study.name"
                )
            else:
                if before is None:
                    logger.warning("looking whether the study's last driver (%s) is alive", row.driver)
                before, looks = row, looks + 1
                sleep(LOOK_S)

    def guard(self, sessions: Any) -> None:
        """Let each transaction of these sessions that writes confirm the lease before it commits.

        Raises in the transaction, which is rolled back:
            TakenOverError: another driver has taken over.
        """
        event.listen(sessions, "after_flush", lambda session, context: session.info.update(wrote=True))
        event.listen(sessions, "do_orm_execute", _note_writing)
        event.listen(sessions, "before_commit", self._confirm)

    def keep(self, on_loss: Callable[[], None]) -> None:
        """Renew the lease from a thread until it is released.

        Args:
            on_loss: called from the thread if another driver has taken over.
        """
        self._beating = threading.Thread(target=self._beat_on, args=(on_loss,), name="lease", daemon=True)
        self._beating.start()

    def renew(self) -> bool:
        """Count the beat up; returns whether this driver still holds the lease.

        Raises:
            DatabaseAwayError: the database cannot be reached.
        """
        return self._change({"beat": LEASES.c.beat + 1}, LEASES.c.token == self.token)

    def check(self) -> None:
        """Return if this driver still holds the lease; to be called before a file of the study is written.

        Raises:
            TakenOverError: another driver has taken over.
            StudyError: the database stayed away.
        """
        self.check_known()
        row = self._patience.insist(lambda again: self._read())
        self._judge(None if row is None else row.token)

    def check_known(self) -> None:
        """Raise TakenOverError if the loss of the lease is known; does not ask the database."""
        if self.lost:
            raise TakenOverError(
                f"study.name: another driver has taken '{self._study}' over, since this one had not been heard of; "
                "it writes nothing more, and the other one continues all trials"
            )

    def release(self) -> None:
        """End the renewal and give the lease back. Without the database it expires."""
        self._released.set()
        if self._beating is not None:
            self._beating.join()
        try:
            self._change({"token": FREE}, LEASES.c.token == self.token)
        except DatabaseAwayError as error:
            logger.warning("the database is away (%s): the lease of the study expires by itself", error)

    def _read(self) -> Row[Any] | None:
        with self._engine.begin() as connection:
            return connection.execute(select(LEASES).where(LEASES.c.study == self._study)).one_or_none()

    def _claim_first(self) -> None:
        try:
            with self._engine.begin() as connection:
                connection.execute(insert(LEASES).values(study=self._study, **self._own))
        except IntegrityError:
            logger.debug("another driver was first")

    def _claim_from(self, row: Row[Any]) -> None:
        """Replace exactly the row that was read; who was second sees another one."""
        self._change(self._own, (LEASES.c.token == row.token) & (LEASES.c.beat == row.beat))

    def _change(self, values: dict[str, Any], where: Any) -> bool:
        statement = update(LEASES).where(LEASES.c.study == self._study).where(where).values(values)
        with self._engine.begin() as connection:
            return connection.execute(statement).rowcount == 1

    def _confirm(self, session: Session) -> None:
        session.flush()
        if session.info.pop("wrote", False):
            # FOR SHARE on PostgreSQL. In SQLite the transaction has locked the database when it wrote.
            token = select(LEASES.c.token).where(LEASES.c.study == self._study).with_for_update(read=True)
            self._judge(session.execute(token).scalar())

    def _judge(self, token: str | None) -> None:
        self.lost = self.lost or token != self.token
        self.check_known()

    def _beat_on(self, on_loss: Callable[[], None]) -> None:
        while not self._released.wait(BEAT_S):
            try:
                kept = self.renew()
            except DatabaseAwayError as error:
                self._patience.went(error)
                continue
            self._patience.came_back()
            if not kept:
                if not self.lost:  # else the driver knows from a write of its own
                    self.lost = True
                    on_loss()
                return


def place_of(folder: Path) -> str:
    """The folder as this machine knows it since it started: equal for all its processes, and different elsewhere."""
    boot = BOOT_ID.read_text().strip() if BOOT_ID.is_file() else f"{platform.node()}-{uuid.getnode():x}"
    state = folder.stat()
    return f"{boot}/{state.st_dev}/{state.st_ino}"


def _note_writing(execution: Any) -> None:
    if execution.is_insert or execution.is_update or execution.is_delete:
        execution.session.info["wrote"] = True
