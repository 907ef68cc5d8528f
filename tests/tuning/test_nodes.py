"""What the driver makes of the machines that join, without Ray: the answers of machines are made up."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Any

import pytest

from study.errors import StudyError
from study.imaging.entries import entry_folder
from study.machine.version import code_version
from study.tuning import nodes as module
from study.tuning.fitness import Condition
from study.tuning.nodes import Nodes, Unfit, Wait
from study.tuning.room import Node

ADDRESS = "ab" * 20


class Keeper:
    """Answers like the actor on a machine."""

    def __init__(self, condition: Condition | Exception, lacks: list[str]) -> None:
        self.told, self.lacks = condition, lacks
        self.fetched_from: list[Any] | None = None
        for name in ("missing", "condition", "fetch", "sweep"):
            method = getattr(self, f"_{name}")
            setattr(self, name, type("Method", (), {"remote": staticmethod(method)}))

    def _missing(self, addresses: tuple[str, ...]) -> list[str]:
        return self.lacks

    def _condition(self, *, gpus: bool) -> Condition | Exception:
        return self.told

    def _fetch(self, addresses: tuple[str, ...], sources: list[Any]) -> str:
        self.fetched_from = sources
        return "call"

    def _sweep(self) -> None: ...


@pytest.fixture
def ray(monkeypatch: pytest.MonkeyPatch) -> Any:
    ray = pytest.importorskip("ray")

    def get(value: Any, timeout: float | None = None) -> Any:
        if isinstance(value, Exception):
            raise value
        return value

    monkeypatch.setattr(ray, "get", get)
    monkeypatch.setattr(ray, "wait", lambda calls, **how: (calls, []))
    monkeypatch.setattr(module.time, "time", lambda: 1000.0)
    return ray


def condition(host: str, **changes: Any) -> Condition:
    known = {
        "host": host,
        "versions": code_version(),
        "cache_free_bytes": 10**12,
        "temporary_free_bytes": 10**12,
        "memory_bytes": 10**12,
        "gpus": None,
        "clock_s": 1001.0,
    }
    return Condition(**{**known, **changes})


class Cluster:
    """A driver's machine and others."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        entry = entry_folder(root, ADDRESS)
        entry.mkdir(parents=True)
        (entry / "image.npy").write_bytes(b"12345")
        self.alive = {"own": Node(2, 0)}
        self.keepers = {"own": Keeper(condition("head"), [])}
        self.said: list[str] = []
        self.noted: list[tuple[str, ...]] = []
        self.nodes = Nodes(
            lambda: dict(self.alive),
            "own",
            root,
            [ADDRESS],
            self.said.append,
            self.noted.append,
            gpus=False,
            alone=False,
        )

        def keeper(identity: str) -> Keeper:
            self.nodes._keepers[identity] = self.keepers[identity]
            return self.keepers[identity]

        monkeypatch.setattr(self.nodes, "_keeper", keeper)

    def join(self, identity: str, keeper: Keeper) -> None:
        self.alive[identity] = Node(2, 0)
        self.keepers[identity] = keeper


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ray: Any) -> Cluster:
    return Cluster(tmp_path, monkeypatch)


def test_a_machine_of_its_own_is_not_asked(cluster: Cluster) -> None:
    cluster.nodes.look()
    assert cluster.said == []
    assert cluster.nodes.cache_for("own") is None
    assert cluster.nodes.fit() == [Node(2, 0)]


def test_a_machine_that_fits_fetches_and_has_trials_read_from_its_keeper(cluster: Cluster) -> None:
    joined = Keeper(condition("node1"), [ADDRESS])
    cluster.join("one", joined)
    assert isinstance(cluster.nodes.cache_for("one"), Wait)
    cluster.nodes.look()
    assert cluster.said == ["machine node1 takes part, and fetches 1 prepared subjects"]
    assert joined.fetched_from == [cluster.keepers["own"]]
    assert cluster.nodes.cache_for("one") is joined
    cluster.nodes.look()
    assert len(cluster.said) == 1


def test_a_later_machine_fetches_from_those_that_have_the_subjects(cluster: Cluster) -> None:
    first, second = Keeper(condition("node1"), [ADDRESS]), Keeper(condition("node2"), [ADDRESS])
    cluster.join("one", first)
    cluster.nodes.look()
    cluster.join("two", second)
    cluster.nodes.look()
    assert second.fetched_from == [first, cluster.keepers["own"]]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"versions": {**code_version(), "torch": "1.0"}}, "torch is 1.0 there"),
        ({"cache_free_bytes": 1000}, "0.0 GB free for the cache"),
        ({"clock_s": 1200.0}, "its clock is 200 s ahead"),
    ],
)
def test_a_machine_that_does_not_fit_is_named_and_left_out(
    cluster: Cluster, changes: dict[str, Any], said: str
) -> None:
    unfit = Keeper(condition("node1", **changes), [ADDRESS])
    cluster.join("one", unfit)
    cluster.nodes.look()
    (line,) = cluster.said
    assert line.startswith(f"machine node1 gets no trials: {said}")
    assert cluster.nodes.avoided == ("one",)
    assert cluster.nodes.fit() == [Node(2, 0)]
    assert cluster.nodes.cache_for("one") == Unfit(line)
    assert unfit.fetched_from is None


def test_a_machine_that_does_not_answer_is_left_out(cluster: Cluster, ray: Any) -> None:
    cluster.join("0123456789", Keeper(ray.exceptions.GetTimeoutError("no answer"), []))
    cluster.nodes.look()
    assert cluster.said == [
        "machine 01234567 gets no trials: does not answer (GetTimeoutError: no answer); is fadeout installed there?"
    ]


def test_without_any_machine_that_fits_the_study_ends_with_all_reasons(cluster: Cluster) -> None:
    cluster.join("one", Keeper(condition("node1", memory_bytes=1), []))
    del cluster.alive["own"]
    with pytest.raises(StudyError, match=r"no machine of the cluster can run trials:\nmachine node1 gets no"):
        cluster.nodes.look()


def test_a_machine_that_has_gone_is_told_of_and_known_as_such(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOOK_EVERY_S", 0.01)
    cluster.join("one", Keeper(condition("node1"), []))
    cluster.nodes.look()
    assert not cluster.nodes.died({"one", "own"})
    del cluster.alive["one"]
    cluster.nodes.look()
    assert cluster.said[-1] == "machine node1 is gone; its trials go on elsewhere"
    assert cluster.nodes.died({"one", "own"})
    assert not cluster.nodes.died({"own"})


def test_the_names_of_those_that_take_part_are_noted_when_they_change(cluster: Cluster) -> None:
    cluster.nodes.look()
    cluster.nodes.look()
    assert cluster.noted == [(platform.node(),)]
    cluster.join("one", Keeper(condition("node1"), [ADDRESS]))
    cluster.nodes.look()
    assert cluster.noted[1:] == [tuple(sorted([platform.node(), "node1"]))]
