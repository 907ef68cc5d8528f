"""Opens the database of a study: SQLite in its folder, or PostgreSQL by URL, for one driver at a time."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from study.config import with_password
from study.errors import StudyError
from study.tuning.outages import DatabaseAwayError, Patience, first_line, passes

if TYPE_CHECKING:
    import optuna
    from optuna.storages import RDBStorage
    from sqlalchemy import URL
    from sqlalchemy.engine import ExceptionContext

    from study.tuning.lease import Lease
    from study.tuning.storage import WaitingStorage

SQLITE_BUSY_S = 30  # how long a statement waits for another process's transaction
POSTGRESQL: dict[str, Any] = {  # https://www.postgresql.org/docs/current/libpq-connect.html
    "application_name": "fadeout",
    "connect_timeout": 10,
    "keepalives_idle": 10,  # a cut line is noticed after about 20 s
    "keepalives_interval": 5,
    "keepalives_count": 2,
    "tcp_user_timeout": 20_000,
    # A driver that is paused within a transaction must not lock out the one that takes over.
    "options": "-c idle_in_transaction_session_timeout=10000 -c lock_timeout=30000",
}


@dataclass(frozen=True)
class Database:
    """The database of a study, opened by the one driver that may write.

    Attributes:
        study: as Optuna sees it.
        storage: that Optuna writes to.
        lease: that this driver holds.
    """

    study: optuna.Study
    storage: WaitingStorage
    lease: Lease

    def close(self) -> None:
        """Give the lease back and close all connections."""
        self.lease.release()
        self.storage.close()


def open_database(
    address: str | None, name: str, folder: Path, default: Path, higher: Sequence[bool] = (True,)
) -> Database:
    """Open the database of a study and take its lease.

    A database that goes away later is waited for (`Patience`); one that cannot be opened is not.

    Args:
        address: `tuning.storage`.
        name: of the study.
        folder: of the study; the caller holds its lock.
        default: SQLite file that is used without an address.
        higher: for each number that trials end with, whether more is better.

    Raises:
        StudyError: the database cannot be opened, or another driver runs the study.
    """
    import optuna
    from optuna.exceptions import StorageInternalError
    from sqlalchemy.exc import SQLAlchemyError

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        return _open(
            with_password(address) if address else f"sqlite:///{default.absolute()}", name, folder, higher
        )
    except (
        SQLAlchemyError,
        StorageInternalError,
        DatabaseAwayError,
        ImportError,
        RuntimeError,
        ValueError,
    ) as error:
        reason = error.__cause__ or error
        raise (_damaged(default, reason) if address is None else _cannot_be_opened(reason)) from None


def _open(address: str, name: str, folder: Path, higher: Sequence[bool]) -> Database:
    import optuna

    from study.tuning.lease import Lease
    from study.tuning.storage import WaitingStorage

    patience = Patience()
    with ExitStack() as undo:
        backend = _connect(address)
        undo.callback(backend.engine.dispose)
        lease = Lease(backend.engine, name, folder, patience)
        lease.take()
        undo.callback(lease.release)
        lease.guard(backend.scoped_session)
        storage = WaitingStorage(backend, patience, lease.token)
        study = optuna.create_study(
            storage=storage,
            study_name=name,
            directions=["maximize" if one else "minimize" for one in higher],
            load_if_exists=True,
        )
        undo.pop_all()
    return Database(study, storage, lease)


def _connect(address: str) -> RDBStorage:
    """Optuna's storage, whose errors that pass are DatabaseAwayError."""
    from optuna.storages import RDBStorage
    from sqlalchemy import event
    from sqlalchemy.exc import IntegrityError, OperationalError, ProgrammingError

    url, settings = _engine(address)
    text = url.render_as_string(hide_password=False)
    try:
        storage = RDBStorage(text, settings)
    except (IntegrityError, OperationalError, ProgrammingError) as error:
        if not isinstance(error, IntegrityError) and "already exists" not in str(error):
            raise
        storage = RDBStorage(text, settings)  # another study has made the tables at the same moment
    event.listen(storage.engine, "handle_error", _as_away)
    return storage


def _engine(address: str) -> tuple[URL, dict[str, Any]]:
    """The URL with a driver that is installed, and SQLAlchemy's settings; what the URL says itself prevails."""
    from sqlalchemy import make_url

    url = make_url(address)
    backend = url.get_backend_name()
    if backend == "sqlite":
        return url, {"connect_args": {"timeout": SQLITE_BUSY_S}}
    if url.drivername == "postgresql":
        url = url.set(drivername="postgresql+psycopg")
    arguments = POSTGRESQL if url.drivername in ("postgresql+psycopg", "postgresql+psycopg2") else {}
    own = {key: value for key, value in arguments.items() if key not in url.query}
    return url, {"pool_pre_ping": True, "connect_args": own}


def _as_away(context: ExceptionContext) -> None:
    if not context.is_pre_ping and passes(context.original_exception, context.is_disconnect):
        raise DatabaseAwayError(first_line(context.original_exception))


def _damaged(file: Path, error: BaseException) -> StudyError:
    return StudyError(
        f"{file}: damaged ({type(error).__name__}: {first_line(error)}); the search cannot go on, the trials are "
        "untouched: restore it from a copy, or start another study (study.name=…)"
    )


def _cannot_be_opened(error: BaseException) -> StudyError:
    if isinstance(error, ImportError):
        remedy = "install the database's driver; for PostgreSQL: pip install 'fadeout[postgresql]'"
    else:
        remedy = (
            "give an URL such as postgresql://user@host/name, its password in PGPASSWORD or ~/.pgpass, "
            "or null for SQLite in the study's folder"
        )
    return StudyError(
        f"tuning.storage: the database cannot be opened ({type(error).__name__}: {first_line(error)}); {remedy}"
    )
