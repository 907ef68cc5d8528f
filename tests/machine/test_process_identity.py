"""Which process is meant, with processes that really run and end."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from study.machine.identity import ProcessIdentity, _started


@pytest.fixture
def other() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process
        process.kill()


def identity_of(process: subprocess.Popen[bytes]) -> ProcessIdentity:
    return ProcessIdentity.own()._replace(number=process.pid, started=_started(process.pid))


def test_this_process_is_here_and_alive() -> None:
    own = ProcessIdentity.own()
    assert own.is_here
    assert own.is_alive
    assert own == ProcessIdentity.own()


def test_a_process_that_has_ended_is_not_alive_even_before_it_is_waited_for(
    other: subprocess.Popen[bytes],
) -> None:
    identity = identity_of(other)
    assert identity.is_alive
    assert other.stdin is not None
    other.stdin.write(b"\n")
    other.stdin.flush()
    while identity.is_alive:
        pass
    assert other.returncode is None
    with pytest.raises(ProcessLookupError):
        identity.ask_to_end()


def test_a_process_is_asked_to_end(other: subprocess.Popen[bytes]) -> None:
    identity_of(other).ask_to_end()
    assert other.wait(60) == -signal.SIGTERM


def test_another_process_with_the_same_number_is_left_alone(other: subprocess.Popen[bytes]) -> None:
    before = identity_of(other)._replace(started="1")
    assert not before.is_alive
    with pytest.raises(ProcessLookupError):
        before.ask_to_end()
    assert other.poll() is None


def test_a_number_of_another_machine_means_nothing_here(other: subprocess.Popen[bytes]) -> None:
    elsewhere = identity_of(other)._replace(host="far", place="another boot")
    assert not elsewhere.is_here
    assert not elsewhere.is_alive
