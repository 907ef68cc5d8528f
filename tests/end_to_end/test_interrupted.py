"""Commands that are killed or asked to end, in processes of their own."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from killing import Marked
from later_wins import later_wins

from study.machine.processes import available_cpus
from study.records import StudyFolder

Rows = list[dict[str, str]]
Arguments = Callable[..., list[str]]
pytestmark = pytest.mark.slow


def entries(cache: Path) -> set[Path]:
    return set(cache.glob("*/*/grid.json"))


def leftovers(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.name.endswith(".tmp")]


@pytest.fixture
def settings(hospitals: Rows, arguments: Arguments, tmp_path: Path) -> list[str]:
    return arguments(hospitals, f"imaging.cache={tmp_path / 'cache'}", "study.name=s")


@pytest.fixture
def training(settings: list[str], tmp_path: Path) -> Iterator[Marked]:
    with Marked.start(["-m", "study.train", *settings], TMPDIR=str(tmp_path)) as marked:
        yield marked


def test_a_training_that_is_killed_while_it_prepares_leaves_no_process_and_begins_again(
    training: Marked, settings: list[str], tmp_path: Path
) -> None:
    training.wait_for(lambda: bool(entries(tmp_path / "cache")))
    training.process.kill()
    training.end()
    kept = entries(tmp_path / "cache")
    with Marked.start(["-m", "study.train", *settings, "resume=true"]) as again:
        _, errors = again.end()
    assert again.process.returncode == 0, errors
    assert StudyFolder(tmp_path / "studies", "s").trial(0).result.read().state == "complete"
    assert kept <= entries(tmp_path / "cache")
    assert not leftovers(tmp_path)


@pytest.mark.skipif(available_cpus() < 2, reason="one CPU: scans are prepared by the training itself")
def test_a_training_that_is_asked_to_end_while_it_prepares_says_how_to_begin_again(
    training: Marked, tmp_path: Path
) -> None:
    training.wait_for(lambda: len(training.others()) > 1)  # which take a while before they prepare anything
    training.process.send_signal(signal.SIGTERM)
    _, errors = training.end()
    assert errors == "interrupted; begin again with the same command; prepared scans are kept\n"
    assert training.process.returncode == 143
    assert not StudyFolder(tmp_path / "studies", "s").path.exists()


def test_a_training_that_is_asked_to_end_says_how_to_continue_and_does(
    settings: list[str], tmp_path: Path
) -> None:
    folder = StudyFolder(tmp_path / "studies", "s")
    long = later_wins(*settings, "trainer.epochs=60")
    with Marked.start(["-m", "study.train", *long]) as marked:
        marked.wait_for(lambda: len(folder.trial(0).training.epochs.read()) >= 2)
        marked.process.send_signal(signal.SIGTERM)
        _, errors = marked.end()
    assert errors == "interrupted; continue with the same command and resume=true\n"
    assert marked.process.returncode == 143
    before = folder.trial(0).training.epochs.read()
    assert 2 <= len(before) < 60
    with Marked.start(["-m", "study.train", *long, "resume=true"]) as again:
        _, errors = again.end()
    assert again.process.returncode == 0, errors
    after = folder.trial(0).training.epochs.read()
    assert [epoch.epoch for epoch in after] == list(range(1, 61))
    assert after[: len(before)] == before
    assert not leftovers(tmp_path)


def test_processes_that_draw_patches_end_with_a_training_that_is_killed(
    settings: list[str], tmp_path: Path
) -> None:
    folder = StudyFolder(tmp_path / "studies", "s")
    endless = later_wins(*settings, "trainer.epochs=1000", "trainer.loader_workers=2")
    with Marked.start(["-m", "study.train", *endless]) as marked:
        marked.wait_for(lambda: len(folder.trial(0).training.epochs.read()) >= 1)
        assert len(marked.others()) >= 2
        marked.process.kill()
        marked.end()
    assert marked.others() == []
