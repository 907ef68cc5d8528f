"""Locks of a study: one process holds each, and another one is told which, and since when."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from studies import prepared_study, write_study

from study.commandline.progress import Lines
from study.config import Config, validate
from study.errors import StudyError
from study.records import StudyFolder
from study.records.locks import held
from study.workflow.study import run_study, train_once

HOLD = """
import sys
from pathlib import Path
from study.records.locks import held
with held(Path(sys.argv[1]), "", ""):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def held_by_another(path: Path) -> Iterator[int]:
    """A process that holds a lock meanwhile, and its number."""
    command = [sys.executable, "-c", HOLD, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process.pid
        process.communicate()


@pytest.fixture
def study(tmp_path: Path) -> tuple[Config, StudyFolder]:
    config = validate({"study": {"name": "s", "root": str(tmp_path)}, "resume": True})
    return config, write_study(config, prepared_study())


def test_the_holder_is_named_with_the_time(tmp_path: Path) -> None:
    path = tmp_path / ".lock"
    with (
        held_by_another(path) as number,
        pytest.raises(StudyError) as caught,
        held(path, "somebody runs it", "wait"),
    ):
        raise AssertionError
    assert re.fullmatch(
        rf"somebody runs it \(process {number} on this machine, since \d{{4}}-\d\d-\d\d \d\d:\d\d\); wait",
        str(caught.value),
    )


def test_a_lock_is_free_again_and_then_names_nobody(tmp_path: Path) -> None:
    path = tmp_path / ".lock"
    for _ in range(2):
        with held(path, "", ""):
            assert path.read_text()
        assert path.read_text() == ""


@pytest.mark.parametrize("content", ["", "[1]", '{"process": "x"}', "\x00", "{" * 1000])
def test_a_lock_that_says_nothing_is_refused_all_the_same(tmp_path: Path, content: str) -> None:
    path = tmp_path / ".lock"
    with held_by_another(path):
        path.write_text(content)
        with pytest.raises(StudyError, match=r"^it runs; wait$"), held(path, "it runs", "wait"):
            raise AssertionError


@pytest.mark.parametrize("run", [run_study, train_once])
@pytest.mark.parametrize("resume", [True, False])
def test_a_study_that_runs_is_noticed_before_anything_is_prepared(
    study: tuple[Config, StudyFolder], run: object, resume: bool
) -> None:
    config, folder = study
    said: list[str] = []
    with (
        held_by_another(folder.path / ".lock"),
        pytest.raises(StudyError, match=r"another process runs 's' .*\(process"),
    ):
        run(config.with_values({"resume": resume}), Lines(said.append))  # type: ignore[operator]
    assert said == []
