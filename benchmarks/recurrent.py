"""`python -m benchmarks.recurrent`: speed of a training step of UpAttLLSTM, relative to its equations written out.

Both sides have the same parameters and see the same 12 slices of 256×256 pixels: forward, cross-entropy, backward. Each
runs in its own process, the other side (`benchmarks.straightforward_recurrent`) between two turns of ours. It runs with
pooling windows slid over the image, which the ratio refers to, and with windows slid along rows and then columns.
Logits and gradients must agree. Peak memory is the growth of the process during the step (ru_maxrss); on a GPU, the
memory that torch allocates.

The arithmetic floor is the FLOPs of our step without recomputing, as torch counts products (no maxima, no
nonlinearities), over the highest FLOP/s that a large matrix product or convolution reaches in the same run.

Options: `--device cpu|cuda` (default: the GPU if available), `--precision float32|bfloat16`, `--size` and `--slices`
for a small run, `--rounds` of our side.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TOLERANCE = 1e-4  # of logits, and of each parameter's gradient, in relation to the largest
# Relative to the network's largest gradient: smaller ones are 0 up to rounding (the last bias of the keys).
ROUNDING = 1e-6


@dataclass(frozen=True)
class Run:
    """One measurement in a process of its own.

    Attributes:
        side: recompute, keep (both ours), windows or rows then columns.
        rounds: number of timed steps.
        warm: whether an untimed step precedes them.
        out: file for logits and gradients of the last step.
    """

    side: str
    rounds: int
    warm: bool
    out: Path
    device: str
    precision: str
    size: int
    slices: int


@dataclass(frozen=True)
class Measured:
    """Seconds of each timed step, peak memory in bytes, and FLOPs of a step (0 if not counted)."""

    seconds: list[float]
    peak_bytes: int
    flops: int


def main() -> None:
    """Measure and print."""
    options = _options()
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # threads that spin suffer most from other processes
    with tempfile.TemporaryDirectory() as folder:

        def run(side: str, rounds: int, *, warm: bool) -> Measured:
            out = Path(folder) / f"{side}.pt"
            task = Run(
                side, rounds, warm, out, options.device, options.precision, options.size, options.slices
            )
            measured: Measured = _in_process(measure, task)
            _print_side(side, measured)
            return measured

        peak = _in_process(peak_flops, options.device, options.precision)
        ours = [run("recompute", options.rounds, warm=True)]
        keeping = run("keep", options.rounds, warm=True)
        by_axes = run("rows then columns", 1, warm=True)
        ours.append(run("recompute", options.rounds, warm=True))
        by_windows = run("windows", 1, warm=False)
        ours.append(run("recompute", options.rounds, warm=True))
        if options.precision == "float32":
            for side in ("keep", "rows then columns", "windows"):
                _print_difference(side, Path(folder))
    recomputing = Measured([s for one in ours for s in one.seconds], max(one.peak_bytes for one in ours), 0)
    _print_floor(keeping.flops, peak, {"recompute": recomputing, "keep": keeping})
    for other, name in ((by_axes, "rows then columns"), (by_windows, "windows")):
        for one, how in ((recomputing, "recompute"), (keeping, "keep")):
            print(
                f"{name} over {how}: {_median(other) / _median(one):.1f} times the time, "
                f"{other.peak_bytes / one.peak_bytes:.1f} times the memory"
            )
    measured_on = {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "system": platform.system(),
        "device": options.device,
        "precision": options.precision,
        "input": [1, 3, options.slices, options.size, options.size],
    }
    print(json.dumps({"ratio": _median(by_windows) / _median(recomputing), "measured_on": measured_on}))


def measure(task: Run) -> Measured:
    """Measure time and memory of one side, in this process."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    network, x, target = _network_and_batch(task)

    def step() -> Any:
        network.zero_grad(set_to_none=True)
        half = torch.autocast(task.device, torch.bfloat16)
        with half if task.precision == "bfloat16" else nullcontext():
            logits = network(x)
        torch.autograd.backward(torch.nn.functional.cross_entropy(logits.float(), target))
        _synchronise(task.device)
        return logits

    before = _held_bytes(task.device)
    if task.warm:
        step()
    seconds = []
    for _ in range(task.rounds):
        began = time.perf_counter()
        logits = step()
        seconds.append(time.perf_counter() - began)
    peak = _peak_bytes(task.device) - before
    gradients = {name: parameter.grad.cpu() for name, parameter in network.named_parameters()}
    gradients = {name.removeprefix("network."): gradient for name, gradient in gradients.items()}
    torch.save({"logits": logits.detach().cpu(), "gradients": gradients}, task.out)
    if task.side != "keep":
        return Measured(seconds, peak, 0)
    with FlopCounterMode(display=False) as counter:
        step()
    return Measured(seconds, peak, counter.get_total_flops())


def peak_flops(device: str, precision: str) -> float:
    """The higher FLOP/s of a 4096×4096 matrix product and a 3×3 convolution from 128 to 128 channels."""
    import torch

    dtype = getattr(torch, precision)
    matrix = torch.randn(4096, 4096, device=device, dtype=dtype)
    image = torch.randn(4, 128, 128, 128, device=device, dtype=dtype).contiguous(
        memory_format=torch.channels_last
    )
    kernel = torch.randn(128, 128, 3, 3, device=device, dtype=dtype)
    rates = {
        "matrix product": 2 * 4096**3 / _shortest(lambda: matrix @ matrix, device),
        "convolution": 2
        * image.numel()
        * 128
        * 9
        / _shortest(lambda: torch.nn.functional.conv2d(image, kernel, padding=1), device),
    }
    print(", ".join(f"{name} {rate / 1e9:.0f} GFLOP/s" for name, rate in rates.items()), flush=True)
    return max(rates.values())


def _network_and_batch(task: Run) -> tuple[Any, Any, Any]:
    import torch

    from benchmarks.straightforward_recurrent import Straightforward
    from models import Scans, build_model, plan_model
    from study.config import Model

    settings = Model.model_validate(
        {"name": "upattlstm", "slices": task.slices, "recurrent": {"recompute": task.side != "keep"}}
    )
    shape = (task.slices, task.size, task.size)
    plan = plan_model(
        "upattlstm", settings.model_dump(), Scans(("DWI", "SWAN", "PHASE"), shape, (4, 1, 1), 1)
    )
    torch.manual_seed(0)
    network: Any = build_model("upattlstm", plan).to(task.device).train()
    if task.side not in ("recompute", "keep"):
        network = Straightforward(network, task.side)  # type: ignore[arg-type]
    x = torch.randn(1, 3, *shape, device=task.device)
    return network, x, (torch.rand(1, *shape, device=task.device) < 0.01).long()


def _shortest(compute: Callable[[], object], device: str) -> float:
    compute()
    seconds = []
    for _ in range(5):
        _synchronise(device)
        began = time.perf_counter()
        compute()
        _synchronise(device)
        seconds.append(time.perf_counter() - began)
    return min(seconds)


def _synchronise(device: str) -> None:
    if device == "cuda":
        import torch

        torch.cuda.synchronize()


def _held_bytes(device: str) -> int:
    if device == "cuda":
        import torch

        return torch.cuda.memory_allocated()
    return _peak_bytes(device)  # nothing large has been done yet


def _peak_bytes(device: str) -> int:
    if device == "cuda":
        import torch

        return torch.cuda.max_memory_allocated()
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _in_process(work: Callable[..., Any], *arguments: object) -> Any:
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(work, *arguments).result()


def _median(measured: Measured) -> float:
    return statistics.median(measured.seconds)


def _print_side(side: str, measured: Measured) -> None:
    seconds = ", ".join(f"{s:.2f}" for s in measured.seconds)
    print(f"{side}: {seconds} s, peak {measured.peak_bytes / 1e9:.2f} GB", flush=True)


def _print_difference(side: str, folder: Path) -> None:
    """Print the difference to our side with recomputing; raises SystemExit if it is too large."""
    import torch

    ours, other = (torch.load(folder / f"{name}.pt") for name in ("recompute", side))
    least = ROUNDING * max(float(gradient.abs().max()) for gradient in other["gradients"].values())

    def differ(one: torch.Tensor, two: torch.Tensor) -> float:
        return float((one - two).abs().max()) / max(float(two.abs().max()), least)

    of_logits = differ(ours["logits"], other["logits"])
    of_gradients = {name: differ(ours["gradients"][name], two) for name, two in other["gradients"].items()}
    worst = max(of_gradients, key=of_gradients.__getitem__)
    print(
        f"{side} and recompute differ by {of_logits:.1e} in logits, {of_gradients[worst]:.1e} in gradients ({worst})"
    )
    if max(of_logits, of_gradients[worst]) > TOLERANCE:
        raise SystemExit(f"they must agree to {TOLERANCE}")


def _print_floor(flops: int, peak: float, sides: Mapping[str, Measured]) -> None:
    floor_s = flops / peak
    print(f"a step has {flops / 1e9:.0f} GFLOP: at least {floor_s:.2f} s at {peak / 1e9:.0f} GFLOP/s")
    for side, measured in sides.items():
        print(f"{side}: {_median(measured) / floor_s:.1f} times the floor")


def _options() -> argparse.Namespace:
    import torch

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    best = "cuda" if torch.cuda.is_available() else "cpu"
    parser.add_argument("--device", choices=["cpu", "cuda"], default=best)
    parser.add_argument("--precision", choices=["float32", "bfloat16"], default="float32")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--slices", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=2)
    return parser.parse_args()


if __name__ == "__main__":
    main()
