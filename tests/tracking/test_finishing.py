"""The end of a study whose MLflow server takes requests and never answers."""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from killing import Marked

from study.config import Config
from study.records import StudyFolder

HERE = Path(__file__).parent
pytestmark = pytest.mark.slow


@pytest.fixture
def silent() -> Iterator[str]:
    """The address of a server that takes connections."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def finishing(config: Config, uri: str, timeout_s: float) -> Marked:
    return Marked.start([str(HERE / "finishing.py"), str(config.study.root), uri, str(timeout_s)])


def test_a_signal_ends_the_sending_and_how_to_send_the_rest_is_told(
    config: Config, folder: StudyFolder, silent: str
) -> None:
    with finishing(config, silent, 100_000) as marked:
        assert marked.process.stdout is not None
        assert marked.process.stdout.readline() == "finishing\n"
        marked.process.send_signal(signal.SIGTERM)
        _, errors = marked.end()
    told, command, last = errors.splitlines()
    assert told.startswith(f"tracking: not everything reached {silent} (interrupted).")
    assert command.split()[1:4] == ["-m", "study.sync", "study.name=tiny"]
    assert last == "interrupted"
    assert marked.process.returncode == 143


def test_so_does_a_bound(config: Config, folder: StudyFolder, silent: str) -> None:
    with finishing(config, silent, 0.01) as marked:
        _, errors = marked.end()
    told, command = errors.splitlines()
    assert told.startswith(f"tracking: not everything reached {silent} (no answer within 0.01 s).")
    assert command.split()[1:4] == ["-m", "study.sync", "study.name=tiny"]
    assert marked.process.returncode == 0
