"""`python -m benchmarks.identical 04643f9`: compares one deterministic study between two revisions.

A change that only rearranges the code must not change any number. The study trains nnU-Net and UpAttLSTM on small
simulated thrombi, searches the post-processing, exports both networks and predicts a scan with each bundle. Sampled
parameters, training curves, result rows, weights, and predicted masks and probabilities must be equal. The files read
here must keep their names and meaning in all revisions.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd
from safetensors.numpy import load_file

SPACE = """\
model:
  name: {type: categorical, choices: [nnunet, upattlstm], in_turn: true}
modality_dropout:
  drop_probability: {type: float, low: 0.1, high: 0.9}
postprocessing:
  threshold: {type: float, low: 0.1, high: 0.9}
  remove_small:
    voxels: {type: int, low: 0, high: 30}
"""
SETTINGS = [
    "search_space=identical",
    "cohort=phantoms_thrombus",
    "cohort.phantom.subjects_per_center=5",
    "trainer=thrombus_quick",
    "trainer.deterministic=true",
    "trainer.sampling=patches",
    "trainer.epochs=8",
    "trainer.iterations_per_epoch=10",
    "imaging.spacing_mm=[4,4,4]",
    "imaging.in_plane_crop=[32,32]",
    "trainer.validate_every=2",
    "tuning.scheduler=none",
    "study.concurrency=1",
    "study.trials=3",
    "evaluation.postprocessing_trials=40",
]
TIMES = ("time_ms", "seconds")  # fields of an epoch that may differ
MODALITIES = ("DWI", "SWAN")  # PHASE is left out, to predict with a modality missing
EXPORTED = (0, 1)  # trials: one of each network
MASK, PROBABILITY = "mask.nii.gz", "probability.nii.gz"


def main() -> None:
    """Run both studies and compare; exit code 1 where anything differs."""
    if len(sys.argv) not in (2, 3):
        raise SystemExit("usage: python -m benchmarks.identical <git revision> [<another, default HEAD>]")
    revisions = (sys.argv[1], *(sys.argv[2:] or ["HEAD"]))
    with tempfile.TemporaryDirectory() as temporary:
        theirs, ours = (run_revision(name, Path(temporary) / str(n)) for n, name in enumerate(revisions))
    differing = sorted(
        name for name in theirs.keys() | ours.keys() if not same(theirs.get(name), ours.get(name))
    )
    total = len(theirs.keys() | ours.keys())
    print(f"{total} results compared, different: {', '.join(differing) or 'none'}")
    measured_on = {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "revisions": revisions,
    }
    print(json.dumps({"ratio": (total - len(differing)) / total, "measured_on": measured_on}))
    raise SystemExit(1 if differing else 0)


def run_revision(revision: str, root: Path) -> dict[str, Any]:
    """Run the study with the code of a revision, checked out beside `root`; returns results by name."""
    checkout = root.with_name(f"{root.name}-code")
    subprocess.run(["git", "worktree", "add", "--detach", checkout, revision], check=True)
    try:
        return run_study(checkout, root)
    finally:
        subprocess.run(["git", "worktree", "remove", "--force", checkout], check=True)


def run_study(checkout: Path, root: Path) -> dict[str, Any]:
    """Run the study with the code of a checkout; returns results by name."""
    choices = root / "choices" / "search_space"
    choices.mkdir(parents=True)
    (choices / "identical.yaml").write_text(SPACE)
    where = [f"study.root={root}", "study.name=identical"]
    command(checkout, "study.run", "--config-dir", str(choices.parent), *SETTINGS, *where)
    images = [
        f"{name}={next((root / 'phantoms').rglob(f'sub-CHSF0001_{name}.nii.gz'))}" for name in MODALITIES
    ]
    for trial in EXPORTED:
        out = root / f"bundle{trial}"
        command(checkout, "study.export", *where, f"trial={trial}", f"out={out}")
        outputs = [f"out={out / MASK}", f"probability={out / PROBABILITY}"]
        command(checkout, "study.predict", f"bundle={out}", *images, *outputs)
    return dict(results(root))


def command(checkout: Path, module: str, *arguments: str) -> None:
    """Run a command in a checkout; its processes import the code of the checkout, not an installed version."""
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    subprocess.run([sys.executable, "-m", module, *arguments], cwd=checkout, env=environment, check=True)


def results(root: Path) -> Iterator[tuple[str, Any]]:
    """The results to compare, by name."""
    for trial in sorted((root / "identical" / "trials").iterdir()):
        yield f"{trial.name}/parameters", json.loads((trial / "parameters.json").read_text())
        for line in (trial / "epochs.jsonl").read_text().splitlines():
            epoch = json.loads(line)
            for key, value in epoch.items():
                if key not in TIMES:
                    yield f"{trial.name}/epoch {epoch['epoch']}/{key}", value
        if (trial / "rows.parquet").is_file():
            rows = pd.read_parquet(trial / "rows.parquet")
            yield from ((f"{trial.name}/rows/{column}", rows[column].to_numpy()) for column in rows)
    for number in EXPORTED:
        bundle = root / f"bundle{number}"
        for name, tensor in load_file(bundle / "model.safetensors").items():
            yield f"{bundle.name}/{name}", tensor
        for name in (MASK, PROBABILITY):
            yield f"{bundle.name}/{name}", np.asanyarray(nib.load(bundle / name).dataobj)


def same(one: Any, other: Any) -> bool:
    """Whether two results are exactly equal; nan equals nan."""
    if one is None or other is None:
        return False
    if isinstance(one, np.ndarray):
        return one.shape == other.shape and bool(np.all((one == other) | ((one != one) & (other != other))))
    return bool(one == other or (one != one and other != other))


if __name__ == "__main__":
    main()
