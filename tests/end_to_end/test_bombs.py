"""Scans, tables and YAML that ask for more than they are: refused within seconds and a gigabyte."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import bombs
import pytest

EXPECTED = {
    "small.nii.gz": "CohortError: s: {}/small.nii.gz: it holds more than its header announces",
    "large.nii.gz": "CohortError: s: {}/large.nii.gz: its header announces 2000×2000×2000 voxels, 59.6 times",
    "small.nii": "CohortError: s: {}/small.nii: it is 7700.0 MB large where its header announces 0.0 MB",
    "large.nii": "CohortError: s: {}/large.nii: its header announces 2000×2000×2000 voxels",
    "cache": "CohortError: s: {}/small.nii: it is 7700.0 MB large",
    "m.csv": "CohortError: table: {}/m.csv: is larger than 16 MiB",
    "m.json": "CohortError: table: {}/m.json: is larger than 16 MiB",
    "wide.json": "CohortError: table: {}/wide.json: is larger than a cohort may be",
    "deep.json": "CohortError: table: {}/deep.json: is nested too deeply",
    "line.csv": "CohortError: table: {}/line.csv: line 2 has 4194305 cells where the header has 3",
    "long.csv": "CohortError: table: {}/long.csv: is larger than a cohort may be",
    "dataset.json": "CohortError: cohort.nnunet.root: {}/dataset.json: is larger than 16 MiB",
    "splits.json": "ConfigError: cohort.splits.path: {}/splits.json: is larger than 16 MiB",
    "laughs.yaml": "ConfigError: {}/search_space/laughs.yaml: it holds more than 10000 values",
    "giant.yaml": "ConfigError: {}/search_space/giant.yaml: is larger than 1000000 bytes",
    "postprocess laughs.yaml": "ConfigError: {}/search_space/laughs.yaml: it holds more than 10000 values",
}


@pytest.mark.slow
def test_bombs_are_refused_within_five_seconds_and_a_gigabyte(tmp_path: Path) -> None:
    bombs.make_bombs(tmp_path)
    done = subprocess.run(
        [sys.executable, bombs.__file__, str(tmp_path)],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = dict(json.loads(line) for line in done.stdout.splitlines())
    assert told.keys() == EXPECTED.keys()
    for name, beginning in EXPECTED.items():
        assert told[name].startswith(beginning.format(tmp_path)), (name, told[name])
