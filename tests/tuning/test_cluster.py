"""Ray that does not start, and clusters that are not there; Ray's own start is made up."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from study.errors import StudyError
from study.tuning import cluster
from study.tuning.room import Need

ray = pytest.importorskip("ray")


class Start:
    """Stands in for `ray.init`: fails so many times."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.asked: list[dict[str, Any]] = []

    def __call__(self, *arguments: Any, **named: Any) -> None:
        self.asked.append(named)
        if len(self.asked) <= self.failures:
            raise RuntimeError("Failed to start GCS.\nLast 0 lines of error files:")


def test_ray_that_does_not_start_in_time_is_tried_once_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    start = Start(failures=1)
    monkeypatch.setattr(ray, "init", start)
    cluster._start(Need(1, 1, 0.0), 3, tmp_path)
    assert [line.message for line in caplog.records] == [
        "Ray does not start (Failed to start GCS.); trying once more"
    ]
    assert start.asked[1]["num_cpus"] >= 3
    assert start.asked[1]["_node_ip_address"] == "127.0.0.1"


def test_ray_that_does_not_start_at_all_is_told_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = Start(failures=10)
    monkeypatch.setattr(ray, "init", start)
    with pytest.raises(
        StudyError, match=r"Ray does not start on .*Failed to start GCS.*resume=true"
    ) as caught:
        cluster._start(Need(1, 1, 0.0), None, tmp_path)
    assert len(str(caught.value).splitlines()) == 1
    assert len(start.asked) == 2


def test_a_cluster_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray, "init", Start(failures=1))
    with pytest.raises(StudyError, match=r"cluster: no Ray cluster is reached at 10\.0\.0\.1:6379"):
        cluster._connect("10.0.0.1:6379")
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.2:6379")
    monkeypatch.setattr(ray, "init", Start(failures=1))
    with pytest.raises(StudyError, match=r"reached at 10\.0\.0\.2:6379"):
        cluster._connect("auto")


@pytest.fixture
def listener(monkeypatch: pytest.MonkeyPatch) -> socket.socket:
    """A process that listens on this machine."""
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    return socket.create_server(("127.0.0.1", 0))


def test_an_address_at_which_somebody_listens_is_reachable(
    listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = f"127.0.0.1:{listener.getsockname()[1]}"
    with listener:
        cluster.check_reachable(address)
        monkeypatch.setenv("RAY_ADDRESS", address)
        cluster.check_reachable("auto")
    with pytest.raises(StudyError, match=rf"no Ray cluster is reached at {address} \(Connection refused\)"):
        cluster.check_reachable(address)
    with pytest.raises(StudyError, match=f"reached at {address}"):
        cluster.check_reachable("auto")


def test_a_machine_of_its_own_needs_no_cluster(
    listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    with listener:
        cluster.check_reachable("auto")  # Ray itself finds the cluster of this machine, or says so at once
        monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
        cluster.check_reachable("local")


@pytest.mark.parametrize("address", ["127.0.0.1:99999", "a..b:6379", "[::1]:1"])
def test_an_address_that_cannot_be_is_told_like_one_at_which_nobody_listens(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", address)
    with pytest.raises(StudyError, match="no Ray cluster is reached at"):
        cluster.check_reachable("auto")
