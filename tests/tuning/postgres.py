"""A PostgreSQL server of a test's own: its data in a short folder, reached by a Unix socket, with a password."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

PASSWORD = "sesame-4711"


class Postgres:
    """A server that can be stopped and started.

    Attributes:
        bare: its URL without the password.
        url: with it.
    """

    def __init__(self) -> None:
        binaries = [shutil.which(name) for name in ("initdb", "pg_ctl")]
        if None in binaries:
            pytest.skip("PostgreSQL's server (initdb, pg_ctl) is not installed")
        pytest.importorskip("psycopg", reason="the extra `postgresql` is not installed")
        self._initdb, self._pg_ctl = map(str, binaries)
        self._folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))  # a socket's path is short
        self._as_other = ["runuser", "-u", "nobody", "--"] if os.getuid() == 0 else []
        if self._as_other:
            shutil.chown(self._folder, "nobody")
        secret = self._folder / "password"
        secret.write_text(PASSWORD)
        self._run(
            self._initdb,
            *("-D", self._folder / "data", "-U", "fadeout", "--no-sync"),
            *("-A", "scram-sha-256", f"--pwfile={secret}"),
        )
        self.bare = f"postgresql://fadeout@/postgres?host={self._folder}"
        self.url = f"postgresql://fadeout:{PASSWORD}@/postgres?host={self._folder}"

    def start(self) -> None:
        """Start it; returns when it answers."""
        settings = f"-c listen_addresses= -c unix_socket_directories={self._folder} -c fsync=off"
        log = self._folder / "log"
        self._run(self._pg_ctl, "-D", self._folder / "data", "-w", "-l", log, "-o", settings, "start")

    def stop(self) -> None:
        """Stop it as a crash would, in the middle of transactions."""
        self._run(self._pg_ctl, "-D", self._folder / "data", "-w", "-m", "immediate", "stop")

    def remove(self) -> None:
        """Stop it if it runs, and remove its data."""
        if (self._folder / "data" / "postmaster.pid").exists():
            self.stop()
        shutil.rmtree(self._folder)

    def _run(self, *command: str | Path) -> None:
        done = subprocess.run(
            [*self._as_other, *map(str, command)],
            cwd="/",
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
