from __future__ import annotations

from collections.abc import Iterator

import pytest
from postgres import Postgres

from study.tuning import database


@pytest.fixture(autouse=True)
def _no_connection_is_left(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Tests leave ledgers behind as killed drivers do; their connections are closed."""
    opened = []
    connect = database._connect

    def noted(address: str) -> object:
        opened.append(connect(address))
        return opened[-1]

    monkeypatch.setattr(database, "_connect", noted)
    yield
    for storage in opened:
        storage.remove_session()
        storage.engine.dispose()


@pytest.fixture(scope="session")
def _server() -> Iterator[Postgres]:
    server = Postgres()
    server.start()
    yield server
    server.remove()


@pytest.fixture
def postgres(_server: Postgres) -> Iterator[Postgres]:
    """A running PostgreSQL server with an empty database."""
    import sqlalchemy

    yield _server
    engine = sqlalchemy.create_engine(_server.url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("DROP SCHEMA public CASCADE"))
        connection.execute(sqlalchemy.text("CREATE SCHEMA public"))
    engine.dispose()
