"""Every command of the tutorial runs, in its order, in an empty folder."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```bash\n(.*?)^```", re.DOTALL | re.MULTILINE)
LIMIT_S = 900


def blocks() -> list[str]:
    return BLOCK.findall((ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8"))


def environment() -> dict[str, str]:
    """`python` and `mlflow` are those of the tests."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)}


def run(block: str, folder: Path) -> str:
    command = ["bash", "-euo", "pipefail", "-c", block]
    ended = subprocess.run(
        command, cwd=folder, env=environment(), capture_output=True, text=True, timeout=LIMIT_S
    )
    assert ended.returncode == 0, f"{block}\n{ended.stdout}\n{ended.stderr}"
    return ended.stdout


def ask_server(block: str, folder: Path) -> str:
    """Start the server of a block on a free port, read its first page, and end it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = ["bash", "-c", f"exec env {block.strip()} --port {port}"]
    with subprocess.Popen(
        command, cwd=folder, env=environment(), stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as server:
        try:
            assert server.stderr is not None
            said = ""
            while "Uvicorn running" not in said:
                line = server.stderr.readline()
                assert line, f"the server ended:\n{said}"
                said += line
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=60) as page:
                return str(page.read().decode())
        finally:
            os.killpg(server.pid, signal.SIGTERM)


@pytest.mark.slow
def test_the_tutorial_leads_from_scans_to_a_mask(tmp_path: Path) -> None:
    commands = blocks()
    assert len(commands) > 7
    answers = [(ask_server if "mlflow ui" in block else run)(block, tmp_path) for block in commands]
    told = "\n".join(answers)
    assert "18 subjects, 3 centers, 0 problems" in told
    assert "Study first: 3 trials, 8 epochs each at most" in told
    assert re.search(r"^ISLES +no +DWI\+ADC +nothing +6 ", told, re.MULTILINE)
    assert "<title>MLflow</title>" in told
    assert "cross-fitted: objective" in told
    assert "predicted without B0" in told
    mask = nib.load(tmp_path / "mask.nii.gz")
    image = nib.load(tmp_path / "scans" / "sub-ISLES0001" / "dwi" / "sub-ISLES0001_DWI.nii.gz")
    assert mask.shape == image.shape
    assert np.allclose(mask.affine, image.affine)
    assert set(np.unique(np.asarray(mask.dataobj))) <= {0, 1}
