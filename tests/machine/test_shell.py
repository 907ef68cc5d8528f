"""Commands that are printed can be pasted."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from study.machine.shell import command_line, interpreter, near_path


def test_an_interpreter_that_the_shell_finds_is_called_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)
    assert interpreter() == "python"


def test_any_other_is_called_by_its_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my env" / "bin").mkdir(parents=True)
    (tmp_path / "my env" / "bin" / "python").symlink_to(sys.executable)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "my env" / "bin" / "python"))
    assert interpreter() == f"'{tmp_path}/my env/bin/python'"
    monkeypatch.chdir(tmp_path)
    assert interpreter() == "'my env/bin/python'"


def test_a_command_does_what_it_says_when_it_is_pasted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "echoing.py").write_text("import sys; print(sys.argv[1:])")
    monkeypatch.chdir(tmp_path)
    arguments = ["out=my bundle", "cohort.unseen=[Nice, CHU d'Arc]", "a=$HOME", "é=1"]
    pasted = command_line("echoing", *arguments)
    done = subprocess.run(["sh", "-c", pasted], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(arguments)
    assert shlex.split(command_line("m", "study.name=first"))[1:] == ["-m", "m", "study.name=first"]


def test_a_path_is_relative_below_the_current_folder_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert near_path(tmp_path / "studies") == "studies"
    assert near_path(Path("studies")) == "studies"
    assert near_path(tmp_path.parent / "other") == str(tmp_path.parent / "other")
