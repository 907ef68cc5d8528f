"""A laboratory's own package, installed into an environment of its own: network, schedule and metric plug in."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

Rows = list[dict[str, str]]
Arguments = Callable[..., list[str]]
Run = Callable[..., subprocess.CompletedProcess[str]]
pytestmark = pytest.mark.slow

PACKAGE, ROOT = Path(__file__).parent / "mylab", Path(__file__).parents[2]
CONTRACTS = """
from models import find_model
from study.testing.models import check_model
from study.testing.metrics import check_metric
from study.config.parts import find_part
check_model("mynet", find_model("mynet"), settings={"width": 3})
check_metric(find_part("metrics", "precision"))
print("kept")
"""


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of a new environment that holds the package, and borrows everything else from this one."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder)
    site = next((folder / "lib").glob("python*/site-packages"))
    borrowed = sysconfig.get_paths()["purelib"]
    (site / "borrowed.pth").write_text(f"{ROOT}\nimport site; site.addsitedir({borrowed!r})\n")
    source = shutil.copytree(PACKAGE, folder / "source")
    install = ["-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--no-build-isolation"]
    subprocess.run([sys.executable, *install, "--target", site, source], check=True, capture_output=True)
    return folder / "bin" / "python"


def run_with(interpreter: Path | str, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [interpreter, *arguments], capture_output=True, text=True, check=False, env=environment
    )


def test_its_parts_are_listed_keep_their_contracts_and_are_judged_like_ours(
    python: Path, hospitals: Rows, arguments: Arguments
) -> None:
    listed = run_with(python, "-m", "study.run", "--help").stdout
    assert {"mynet", "plunge", "precision"} <= set(re.findall(r"\w+", listed))
    kept = run_with(python, "-c", CONTRACTS)
    assert kept.stdout == "kept\n", kept.stderr
    for wrong, said in (
        ("model.settings.width=0", "model.settings.width"),
        ("model.settings.widht=3", "model.settings.widht"),
        ("schedule.shape=plunje", "did you mean plunge?"),
    ):
        refused = run_with(python, "-m", "study.train", *arguments(hospitals), "model=mynet", wrong)
        assert refused.returncode == 2
        assert said in refused.stderr


def test_a_study_searches_them_and_its_bundle_needs_the_package(
    python: Path, hospitals: Rows, arguments: Arguments, tmp_path: Path
) -> None:
    more = [
        "model=mynet",
        "search_space.schedule.shape=plunge",
        "evaluation.metrics=[precision]",
        "search_space=none",
        "search_space.model.settings.width={type: int, low: 2, high: 6}",
        "search_space.schedule.settings.at={type: float, low: 0.2, high: 0.8}",
        "study.name=mine",
        "study.trials=2",
        "tuning.scheduler=none",  # the trial that is read below must not be pruned
    ]
    given = [argument for argument in arguments(hospitals) if argument != "search_space=gradual"]
    done = run_with(python, "-m", "study.run", *given, *more)
    assert done.returncode == 0, done.stderr
    trials = tmp_path / "studies" / "mine" / "trials"
    searched = json.loads((trials / "0000" / "parameters.json").read_text())
    assert 2 <= searched["model.settings.width"] <= 6
    assert 0.2 <= searched["schedule.settings.at"] <= 0.8
    rows = pd.read_parquet(trials / "0000" / "rows.parquet")
    known = rows["precision"].dropna()
    assert len(rows) > 0
    assert ((known >= 0) & (known <= 1)).all()

    where = [f"study.root={tmp_path / 'studies'}", "study.name=mine"]
    bundle = tmp_path / "bundle"
    exported = run_with(python, "-m", "study.export", *where, f"out={bundle}")
    assert exported.returncode == 0, exported.stderr
    assert json.loads((bundle / "bundle.json").read_text())["requires"] == {"mylab": "1.0"}
    predict = ["-m", "study.predict", f"bundle={bundle}", f"DWI={hospitals[0]['DWI']}"]
    with_it = run_with(python, *predict, f"out={tmp_path / 'mask.nii.gz'}")
    assert with_it.returncode == 0, with_it.stderr
    without = run_with(sys.executable, *predict, f"out={tmp_path / 'other.nii.gz'}")
    assert without.returncode == 2
    assert "pip install mylab==1.0" in without.stderr
    assert not np.isnan(rows["dice"]).all()
