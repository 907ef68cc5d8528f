"""What runs in nnU-Net's environment: a script, as Fadeout need not be installed there.

`python theirs.py prepare PLAN`, `train SEED EPOCHS ITERATIONS OUT` and `judge PREDICTIONS`; nnU-Net's own variables say
where its folders are. The last line of output is JSON.
"""

from __future__ import annotations

import json
import os
import random
import resource
import sys
from pathlib import Path
from typing import Any

RAW, PREPROCESSED = "nnUNet_raw", "nnUNet_preprocessed"  # nnU-Net's variables
NUMBER, DATASET, PLANS, CONFIGURATION = 1, "Dataset001_Phantoms", "nnUNetPlans", "3d_fullres"


def prepare(plan: dict[str, Any]) -> None:
    """nnU-Net's fingerprint and plan, with the sizes of a network put in, and its preprocessing."""
    from nnunetv2.experiment_planning.plan_and_preprocess_api import (
        extract_fingerprints,
        plan_experiments,
        preprocess,
    )

    extract_fingerprints([NUMBER], num_processes=2)
    plan_experiments([NUMBER])
    path = preprocessed() / f"{PLANS}.json"
    plans = json.loads(path.read_text())
    chosen = plans["configurations"][CONFIGURATION]
    stages = len(plan["features"])
    chosen |= {"patch_size": plan["patch_size"], "batch_size": plan["batch_size"], "batch_dice": False}
    chosen["spacing"] = plan["spacing_mm"]
    chosen["architecture"]["arch_kwargs"] |= {
        "n_stages": stages,
        "features_per_stage": plan["features"],
        "kernel_sizes": plan["kernel_sizes"],
        "strides": plan["strides"],
        "n_conv_per_stage": [2] * stages,
        "n_conv_per_stage_decoder": [2] * (stages - 1),
    }
    plans["configurations"] = {CONFIGURATION: chosen}
    path.write_text(json.dumps(plans))
    preprocess([NUMBER], configurations=[CONFIGURATION], num_processes=[2])
    splits = Path(os.environ[RAW]) / DATASET / "splits_final.json"
    (preprocessed() / splits.name).write_bytes(splits.read_bytes())


def train(seed: int, epochs: int, iterations: int, out: Path) -> dict[str, float]:
    """One training and its predictions of the test scans, without mirroring; the CPU seconds of both."""
    os.environ["nnUNet_n_proc_DA"] = "0"  # noqa: SIM112  # patches are drawn in this process
    import numpy as np
    import torch
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor
    from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer

    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002  # what nnU-Net draws from
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    plans = json.loads((preprocessed() / f"{PLANS}.json").read_text())
    description = json.loads((preprocessed() / "dataset.json").read_text())
    trainer = nnUNetTrainer(
        plans | {"continue_training": False}, CONFIGURATION, 0, description, torch.device("cpu")
    )
    trainer.num_epochs, trainer.num_iterations_per_epoch, trainer.num_val_iterations_per_epoch = (
        epochs,
        iterations,
        1,
    )
    trainer.disable_checkpointing = True
    trainer.output_folder = str(out / "log")
    Path(trainer.output_folder).mkdir(parents=True, exist_ok=True)
    began_s = cpu_s()
    trainer.run_training()
    trained_s = cpu_s()
    trainer.set_deep_supervision_enabled(False)
    predictor = nnUNetPredictor(
        use_mirroring=False, perform_everything_on_device=False, device=torch.device("cpu"), allow_tqdm=False
    )
    predictor.manual_initialization(
        trainer.network,
        trainer.plans_manager,
        trainer.configuration_manager,
        [trainer.network.state_dict()],
        trainer.dataset_json,
        "nnUNetTrainer",
        None,
    )
    (out / "masks").mkdir(exist_ok=True)
    images = Path(os.environ[RAW]) / DATASET / "imagesTs"
    predictor.predict_from_files_sequential(str(images), str(out / "masks"))
    peak_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "train_cpu_s": trained_s - began_s,
        "predict_cpu_s": cpu_s() - trained_s,
        "peak_gb": peak_kb * 1024 / 1e9,
    }


def judge(predictions: Path) -> dict[str, float]:
    """The Dice of each test scan, by nnU-Net's evaluation; not a number where mask and reference are empty."""
    from nnunetv2.evaluation.evaluate_predictions import compute_metrics_on_folder
    from nnunetv2.imageio.simpleitk_reader_writer import SimpleITKIO

    labels = Path(os.environ[RAW]) / DATASET / "labelsTs"
    found = compute_metrics_on_folder(
        str(labels), str(predictions), None, SimpleITKIO(), ".nii.gz", [1], num_processes=1
    )
    return {
        Path(case["reference_file"]).name[:-7]: case["metrics"][1]["Dice"]
        for case in found["metric_per_case"]
    }


def preprocessed() -> Path:
    """The folder of the preprocessed data set."""
    return Path(os.environ[PREPROCESSED]) / DATASET


def cpu_s() -> float:
    """CPU seconds of this process and of those that it has waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def main() -> None:
    """Do what the arguments say."""
    what, *arguments = sys.argv[1:]
    answer: dict[str, float] = {}
    if what == "prepare":
        prepare(json.loads(arguments[0]))
    elif what == "train":
        seed, epochs, iterations = (int(one) for one in arguments[:3])
        answer = train(seed, epochs, iterations, Path(arguments[3]))
    else:
        answer = judge(Path(arguments[0]))
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
