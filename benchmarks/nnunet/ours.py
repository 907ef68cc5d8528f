"""Fadeout's side: its commands, as a user calls them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.nnunet.data import CHANNELS

PATCH, SPACING_MM, BASE_CHANNELS, STAGES, BATCH = (20, 32, 28), (5.0, 3.5, 3.5), 16, 3, 2


def settings(dataset: Path, root: Path) -> list[str]:
    """What every training of ours is given."""
    return [
        "cohort.sources=[nnunet]",
        f"cohort.nnunet.root={dataset}",
        f"cohort.modalities=[{', '.join(CHANNELS)}]",
        "cohort.unseen=[]",
        "cohort.splits.kind=fixed",
        f"cohort.splits.path={_splits(dataset)}",
        f"imaging.spacing_mm={list(SPACING_MM)}",
        f"imaging.cache={root / 'cache'}",
        f"study.root={root}",
        "model=nnunet",
        f"model.patch_size={list(PATCH)}",
        f"model.base_channels={BASE_CHANNELS}",
        f"model.stages={STAGES}",
        "trainer=nnunet",
        f"trainer.batch_size={BATCH}",
        "trainer.loader_workers=0",
        "modality_dropout.droppable=[]",
        "search_space=none",
        "schedule=none",
        "evaluation.postprocessing_trials=0",
    ]


def network_plan(dataset: Path, root: Path) -> dict[str, Any]:
    """The sizes of our network, as nnU-Net's plan has them."""
    from models.nnunet.plan import plan_nnunet
    from models.plan import Scans
    from study.commandline.composition import compose

    config = compose([*settings(dataset, root), "study.name=plan"])
    plan = plan_nnunet("nnunet", config.model.model_dump(), Scans(CHANNELS, PATCH, SPACING_MM, BATCH))
    return {
        "patch_size": plan.patch_size,
        "batch_size": BATCH,
        "spacing_mm": SPACING_MM,
        "features": plan.features,
        "strides": plan.strides,
        "kernel_sizes": plan.kernel_sizes,
    }


def train(
    dataset: Path, root: Path, seed: int, epochs: int, iterations: int, out: Path, more: Sequence[str]
) -> dict[str, float]:
    """One training and its predictions of the test scans; CPU seconds of both commands, start-up included."""
    name = out.name
    shutil.rmtree(root / name, ignore_errors=True)
    training = [
        f"study.seed={seed}",
        f"study.name={name}",
        f"trainer.epochs={epochs}",
        f"trainer.iterations_per_epoch={iterations}",
        f"trainer.validate_every={epochs}",
    ]
    train_cpu_s, peak_gb = _run("study.train", *settings(dataset, root), *training, *more)
    shutil.rmtree(out, ignore_errors=True)
    _run("study.export", f"study.name={name}", f"study.root={root}", f"out={out / 'bundle'}")
    predict_cpu_s, _ = _run(
        "study.predict", f"bundle={out / 'bundle'}", f"images={_named(dataset)}", f"out={out / 'masks'}"
    )
    for mask in sorted((out / "masks").glob("*_mask.nii.gz")):
        mask.rename(mask.with_name(mask.name.replace("_mask", "")))
    return {"train_cpu_s": train_cpu_s, "predict_cpu_s": predict_cpu_s, "peak_gb": peak_gb}


def _run(*arguments: str) -> tuple[float, float]:
    """Run a command to its end; its CPU seconds, and its largest memory in GB."""
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", *arguments],
            env=os.environ | {"OMP_NUM_THREADS": "1"},
            stdout=subprocess.DEVNULL,
            stderr=errors,
        )
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            errors.seek(0)
            raise RuntimeError(f"{arguments[0]} failed: {errors.read()[-2000:]}")
    return used.ru_utime + used.ru_stime, used.ru_maxrss * 1024 / 1e9


def _splits(dataset: Path) -> Path:
    """nnU-Net's first fold, as Fadeout reads splits."""
    (fold,) = json.loads((dataset / "splits_final.json").read_text())
    path = dataset.parent / "splits.json"
    path.write_text(json.dumps({"train": fold["train"], "validation": fold["val"]}))
    return path


def _named(dataset: Path) -> Path:
    """A folder of links to the test scans, under the names that `study.predict` expects."""
    folder = dataset.parent / "named"
    folder.mkdir(exist_ok=True)
    for path in sorted((dataset / "imagesTs").glob("*.nii.gz")):
        case, number = path.name[:-7].rsplit("_", 1)
        link = folder / f"{case}_{CHANNELS[int(number)]}.nii.gz"
        if not link.is_symlink():
            link.symlink_to(path.absolute())
    return folder
