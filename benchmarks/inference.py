"""`python -m benchmarks.inference`: predicts a thrombus in scans of 512×512×232 voxels; at most 180 s on 2 cores.

The bundle holds UpAttLLSTM at its published size (stacks of 12 slices of 256×256 pixels, DWI on its own slices) with
untrained weights; DWI, SWAN and PHASE of a simulated head are .nii.gz files. `python -m study.predict` is timed from
its start to the mask on disk, then its parts are timed in this process. The ratio is the limit over the command's time.

Options: `--device cpu|cuda` (default: the GPU where there is one), `--threads` (default: 2), `--rounds` of the command.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import nibabel as nib
import numpy as np

from study.commandline.composition import compose
from study.config import Config, Postprocessing
from study.deployment.bundle import write_bundle
from study.deployment.manifest import Inference, Manifest, Preparation
from study.evaluation.chains import Chains
from study.workflow.networks import plan_network

LIMIT_S = 180.0
FINE, FINE_MM = (512, 512, 232), (0.45, 0.45, 0.8)  # x, y, z; SWAN and PHASE
THICK, THICK_MM = (256, 256, 40), (0.94, 0.94, 4.5)  # DWI
BRAIN_MM, SKULL_MM = (70, 88, 68), 6
SETTINGS = [
    "cohort=phantoms_thrombus",
    "model=upattllstm",
    "trainer=thrombus",
    "imaging.in_plane_crop=[256,256]",
]
LANDMARKS = tuple(float(value) for value in range(0, 130, 10))

Result = TypeVar("Result")


def main() -> None:
    """Measure and print."""
    options = _options()
    with tempfile.TemporaryDirectory() as root:
        folder = Path(root)
        images, bundle = write_scans(folder), write_untrained(folder / "bundle.zip")
        rounds = [
            run_command(bundle, images, folder / f"mask{n}.nii.gz", options.device, options.threads)
            for n in range(options.rounds)
        ]
        parts = run_parts(bundle, images, folder / "mask.nii.gz", options.device, options.threads)
    for name, (wall_s, cpu_s) in parts.items():
        print(f"  {name:<44} {wall_s:6.1f} s, {cpu_s:6.1f} CPU seconds")
    for wall_s, cpu_s, load in rounds:
        print(f"study.predict: {wall_s:.1f} s, {cpu_s:.1f} CPU seconds, load average before it {load:.1f}")
    measured_on = {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "system": platform.system(),
        "device": options.device,
        "threads": options.threads,
    }
    command_s = statistics.median(wall_s for wall_s, _, _ in rounds)
    print(json.dumps({"ratio": LIMIT_S / command_s, "measured_on": measured_on}))


def write_scans(folder: Path) -> dict[str, Path]:
    """Write a simulated head: a textured ellipsoid with a bright skull, in noise; the phase is noise alone."""
    rng = np.random.default_rng(0)
    content = {
        "DWI": (_head(THICK, THICK_MM, rng), THICK_MM),
        "SWAN": (_head(FINE, FINE_MM, rng), FINE_MM),
        "PHASE": (rng.normal(0, 300, FINE), FINE_MM),
    }
    files = {name: folder / f"{name}.nii.gz" for name in content}
    for name, (values, spacing_mm) in content.items():
        affine = np.diag([*spacing_mm, 1.0])
        affine[:3, 3] = -(np.array(values.shape) - 1) / 2 * spacing_mm
        nib.save(nib.Nifti1Image(values.astype(np.int16), affine), files[name])
    return files


def _head(
    shape: tuple[int, int, int], spacing_mm: tuple[float, float, float], rng: np.random.Generator
) -> np.ndarray:
    place = [(np.arange(n) - (n - 1) / 2) * mm for n, mm in zip(shape, spacing_mm, strict=True)]
    x, y, z = np.meshgrid(*place, indexing="ij", sparse=True)

    def within(wider_mm: float) -> np.ndarray:
        axes = zip((x, y, z), BRAIN_MM, strict=True)
        distance: np.ndarray = sum((at / (half + wider_mm)) ** 2 for at, half in axes)
        return distance < 1

    texture = 1 + 0.2 * np.cos(x / 9) * np.cos(y / 11) * np.cos(z / 8)
    skull = within(2 * SKULL_MM) & ~within(SKULL_MM)
    head: np.ndarray = np.abs(rng.normal(0, 12, shape)) + 600 * within(0) * texture + 400 * skull
    return head


def write_untrained(path: Path) -> Path:
    """Write a bundle like those of `study.export`, with freshly initialised weights."""
    import torch
    from safetensors.torch import save

    from models import build_model

    config = compose(["study.name=benchmark", *SETTINGS])
    spacing_mm = (FINE_MM[2], FINE_MM[1], FINE_MM[0])
    plan = plan_network(config, (180, 256, 256), spacing_mm)
    torch.manual_seed(0)
    network = build_model(config.model.name, plan)
    manifest = _manifest(config, plan.to_dict(), spacing_mm)
    write_bundle(path, manifest, save(dict(network.state_dict())), "untrained")
    return path


def _manifest(config: Config, plan: dict[str, object], spacing_mm: tuple[float, float, float]) -> Manifest:
    imaging, evaluation = config.imaging, config.evaluation
    return Manifest(
        study=config.study.name,
        trial=0,
        target=config.cohort.target,
        modalities=config.cohort.modalities,
        modality_aliases=config.cohort.modality_aliases,
        drop_probability=config.modality_dropout.drop_probability,
        droppable=config.modality_dropout.droppable,
        model=config.model.name,
        network=plan,
        head=None,
        preparation=Preparation(
            spacing_mm=spacing_mm,
            reference=imaging.reference,
            registration=imaging.registration,
            normalisation=imaging.normalisation,
            crop_margin_mm=imaging.crop_margin_mm,
            in_plane_crop=imaging.in_plane_crop,
            own_slices=imaging.own_slices,
            landmarks=dict.fromkeys(config.cohort.modalities, LANDMARKS),
        ),
        inference=Inference(
            overlap=evaluation.overlap,
            blending=evaluation.blending,
            windows_per_batch=evaluation.windows_per_batch,
            precision="fp32",
        ),
        postprocessing=Chains(full=Postprocessing()),
        versions={},
        files={},
    )


def run_command(
    bundle: Path, images: Mapping[str, Path], out: Path, device: str, threads: int
) -> tuple[float, float, float]:
    """Run the command; returns its wall-clock and CPU seconds, and the load average before it."""
    command = [sys.executable, "-m", "study.predict", f"bundle={bundle}", f"out={out}", f"device={device}"]
    # Threads that spin while waiting take CPU time from other processes.
    environment = os.environ | {"OMP_NUM_THREADS": str(threads), "OMP_WAIT_POLICY": "passive"}
    load, before = os.getloadavg()[0], resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    subprocess.run(
        [*command, *(f"{name}={path}" for name, path in images.items())], env=environment, check=True
    )
    wall_s = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall_s, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, load


def run_parts(
    bundle: Path, images: Mapping[str, Path], out: Path, device: str, threads: int
) -> dict[str, tuple[float, float]]:
    """Wall-clock and CPU seconds of each part of the same prediction."""
    import torch

    from study.deployment import predictor
    from study.evaluation import inference, postprocessing
    from study.imaging import prepare, scan

    torch.set_num_threads(threads)
    spent: dict[str, tuple[float, float]] = {}

    def timed(name: str, function: Callable[..., Result]) -> Callable[..., Result]:
        def run(*arguments: object, **named: object) -> Result:
            began_s, began_cpu_s = time.perf_counter(), time.process_time()
            result = function(*arguments, **named)
            before_s, before_cpu_s = spent.get(name, (0.0, 0.0))
            spent[name] = (
                before_s + time.perf_counter() - began_s,
                before_cpu_s + time.process_time() - began_cpu_s,
            )
            return result

        return run

    for module, function, part in (
        (prepare, "prepare_images", "read, check, resample, normalise"),
        (scan, "read_volume", "  of it reading"),
        (scan, "derive_brain", "  of it finding the brain"),
        (inference, "predict_probability", "network on all stacks"),
        (postprocessing, "postprocess", "post-processing"),
    ):
        setattr(module, function, timed(part, getattr(module, function)))
    loaded = predictor.load_bundle(bundle, device)
    prediction = timed("prediction, all of the above", loaded.predict)(images)
    timed("writing the mask", prediction.write)(out)
    return spent


def _options() -> argparse.Namespace:
    import torch

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    main()
