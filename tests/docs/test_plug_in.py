"""The package of the page on parts of your own keeps the contract, and a study can be planned with its parts."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "how-to" / "plug-in.md").read_text(encoding="utf-8")
FILE = re.compile(r"^```(?:python|toml)\n# mypackage/(\S+)\n(.*?)^```", re.DOTALL | re.MULTILINE)
COMMANDS = re.findall(r"^```bash\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The package and its metadata, as pip leaves them."""
    files = FILE.findall(PAGE)
    assert {"pyproject.toml", "mypackage/spec.py"} <= {name for name, _ in files}
    (tmp_path / "mypackage").mkdir()
    (tmp_path / "mypackage" / "__init__.py").touch()
    for name, content in files:
        (tmp_path / name).write_text(content, encoding="utf-8")
    project = tomllib.loads((tmp_path / "pyproject.toml").read_text())["project"]
    metadata = tmp_path / "mypackage-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: mypackage\nVersion: 1.0\n")
    groups = [
        f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in points.items())
        for group, points in project["entry-points"].items()
    ]
    (metadata / "entry_points.txt").write_text("\n".join(groups))
    return tmp_path


def run(command: list[str], folder: Path) -> str:
    environment = {
        **os.environ,
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)]),
    }
    ended = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


@pytest.mark.slow
def test_the_network_keeps_the_contract(installed: Path) -> None:
    said = run([sys.executable, "-m", "pytest", "-q", "test_mypackage.py"], installed)
    assert "2 passed" in said


@pytest.mark.slow
@pytest.mark.parametrize("block", COMMANDS)
def test_a_study_with_its_parts_is_planned(installed: Path, block: str) -> None:
    assert "12 trials, 20 epochs each at most" in run(["bash", "-euc", block], installed)


@pytest.mark.slow
def test_help_lists_its_names(installed: Path) -> None:
    said = run([sys.executable, "-m", "study.run", "--help"], installed)
    assert "mynet" in said
