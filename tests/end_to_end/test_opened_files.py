"""Every file of a study is opened by one package: `study.records`. Watched while a study is trained, evaluated, …"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Rows = list[dict[str, str]]
Arguments = Callable[..., list[str]]
OTHERS = ("optuna.db", "mlflow.db", "mlartifacts", ".tune")  # databases and their like, which libraries open

WATCHED = """
import json, os, sys
root, report, module, *arguments = sys.argv[1:]
opened = {}

def watch(event, values):
    if event != "open" or not isinstance(values[0], (str, bytes)):
        return
    path = os.path.abspath(os.fsdecode(values[0]))
    if not path.startswith(root + os.sep):
        return
    frame, rooms = sys._getframe(1), set()
    while frame is not None:
        name = frame.f_code.co_filename
        if f"{os.sep}study{os.sep}" in name or f"{os.sep}analysis{os.sep}" in name:
            rooms.add(name)
        frame = frame.f_back
    innermost = not any(f"{os.sep}study{os.sep}records{os.sep}" in name for name in rooms)
    opened[os.path.relpath(path, root)] = opened.get(os.path.relpath(path, root), False) or innermost

sys.addaudithook(watch)
from importlib import import_module
import_module(module).main(arguments)
with open(report, "w") as file:
    json.dump(opened, file)
"""


@pytest.fixture
def watch(tmp_path: Path) -> Callable[..., dict[str, bool]]:
    """Runs a command; the files that it opened in the study's folder, and whether anybody but records did."""

    def run(module: str, *arguments: str) -> dict[str, bool]:
        study, report = tmp_path / "studies" / "train", tmp_path / "opened.json"
        command = [sys.executable, "-c", WATCHED, str(study), str(report), module, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        found: dict[str, bool] = json.loads(report.read_text())
        return {name: other for name, other in found.items() if not name.startswith(OTHERS)}

    return run


def test_only_records_opens_a_study_s_files(
    watch: Callable[..., dict[str, bool]], hospitals: Rows, arguments: Arguments, tmp_path: Path
) -> None:
    where = ["study.name=train", f"study.root={tmp_path / 'studies'}"]
    opened = watch("study.train", *arguments(hospitals), "study.name=train")
    for name in ("epochs.jsonl", "checkpoint.pt", "rows.parquet", "result.json"):
        assert any(name in path for path in opened), name
    opened |= watch("study.postprocess", *where, "apply=true")
    opened |= watch("study.evaluate", *where)
    opened |= watch("study.export", *where, f"out={tmp_path / 'bundle'}")
    opened |= watch("study.sync", *where)
    assert len(opened) > 10
    assert [name for name, by_another in opened.items() if by_another] == []
