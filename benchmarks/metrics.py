"""`python -m benchmarks.metrics`: all metrics of one subject, with MONAI and panoptica, over ours.

The ratio is of CPU seconds, on one core, taking turns on the same 256×256×128 masks: lesions of different sizes, which
the prediction shifts and frays; it misses one and adds others. Both sides compute Dice, PPV, TPR, HD95, average and
normalised surface distance, panoptic quality with its factors, and the calibration error, and must agree on them. Ours
also has correlation, lesion-wise F1, LTPR, LFPR, false and missed components and volumes, which the others
lack. A second ratio is with masks that are cropped for them, as a careful user would.

MONAI is among the packages of development. panoptica asks for older versions of some packages, so that it goes into an
environment of its own; docs/benchmarks.md has the commands.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import sys
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from study.evaluation.components import Mask, bounding_box
from study.evaluation.metrics import score
from study.evaluation.metrics.calibration import BINS, calibration_error

SHAPE = (128, 256, 256)
SPACING_MM = (1.5, 0.9, 0.9)
TOLERANCE_MM = 2.0
ROUNDS = 2
LESIONS_MM = (24.0, 9.0, 6.0, 4.0, 3.0, 2.5, 2.0)  # radii in the reference
MISSED = 4  # its place; the prediction lacks it
ADDED_MM = (5.0, 3.0, 2.0)  # radii of false components
SAME = 1e-3  # relative; MONAI sums in single precision


class Subject(NamedTuple):
    """One subject.

    Attributes:
        reference, prediction: masks [D, H, W].
        probability: of the target [D, H, W]; the prediction is where it is at least 0.5.
    """

    reference: Mask
    prediction: Mask
    probability: NDArray[np.float32]

    def cropped(self) -> Subject:
        """To the box of both masks."""
        box = bounding_box(self.reference | self.prediction) or ()
        reference, prediction = (
            np.ascontiguousarray(mask[box]) for mask in (self.reference, self.prediction)
        )
        return Subject(reference, prediction, np.ascontiguousarray(self.probability[box]))


def main() -> None:
    """Measure and print."""
    import torch

    torch.set_num_threads(1)
    warnings.simplefilter("ignore")  # of the other packages
    subjects = [draw_subject(number) for number in range(2)]
    for subject in subjects:
        _describe(subject)
        _check_same(ours(subject), theirs(subject))
    sides: dict[str, Callable[[Subject], object]] = {
        "ours": ours,
        "theirs": theirs,
        "theirs on cropped masks": lambda subject: theirs(subject, crop=True),
    }
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(ROUNDS):
        for subject in subjects:
            for name, side in sides.items():
                seconds[name].append(cpu_seconds(side, subject))
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    for name, times in seconds.items():
        print(f"{name}: median {medians[name]:.3f} s of CPU, {min(times):.3f} to {max(times):.3f}")
    cropped = medians["theirs on cropped masks"] / medians["ours"]
    print(f"with masks that are cropped for them: ratio {cropped:.1f}")
    measured_on = {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "system": platform.system(),
        "processors": os.cpu_count(),
        "seconds": round(medians["ours"], 3),
    }
    print(json.dumps({"ratio": medians["theirs"] / medians["ours"], "measured_on": measured_on}))


def ours(subject: Subject) -> dict[str, float]:
    """All metrics, by column of rows."""
    scores = score(subject.reference, subject.prediction, SPACING_MM, "one", TOLERANCE_MM)
    error = calibration_error(subject.probability, subject.reference, subject.reference.size)
    return {**vars(scores), "calibration_error": error}


def theirs(subject: Subject, *, crop: bool = False) -> dict[str, float]:
    """Those that MONAI and panoptica have, under our names; masks may be cropped to their box before."""
    masks = subject.cropped() if crop else subject
    return {**_monai(masks), **_panoptica(masks), **_calibration(subject)}


def cpu_seconds(side: Callable[[Subject], object], subject: Subject) -> float:
    """How long one side takes; waiting for the processor does not count."""
    began = time.process_time()
    side(subject)
    return time.process_time() - began


def draw_subject(number: int) -> Subject:
    """Lesions with frayed rims at random places of the middle of the head, and what a network might make of them."""
    rng = np.random.default_rng(number)
    texture = ndimage.gaussian_filter(
        rng.normal(size=SHAPE).astype(np.float32), [1.5 / s for s in SPACING_MM]
    )
    texture /= texture.std()
    places = rng.uniform(0.25, 0.75, (len(LESIONS_MM) + len(ADDED_MM), 3)) * SHAPE
    truth, found = (np.full(SHAPE, -9, np.float32) for _ in range(2))  # logits
    for nth, (radius, place) in enumerate(zip((*LESIONS_MM, *ADDED_MM), places, strict=True)):
        if nth < len(LESIONS_MM):
            _add(truth, place, radius)
        if nth != MISSED:
            _add(found, place + rng.normal(0, 1, 3), radius * rng.uniform(0.85, 1.1))
    reference = truth + 0.7 * texture > 0
    logit = found + 0.7 * np.roll(texture, 3, axis=2) + 0.3 * texture
    probability = 1 / (1 + np.exp(-logit))
    return Subject(reference, probability >= 0.5, probability.astype(np.float32))


def _add(logit: NDArray[np.float32], place: NDArray[np.float64], radius_mm: float) -> None:
    """A ball whose logit falls by 2 a millimetre across its surface."""
    reach = [int(np.ceil((radius_mm + 5) / mm)) for mm in SPACING_MM]
    box = tuple(slice(max(int(at) - far, 0), int(at) + far + 1) for at, far in zip(place, reach, strict=True))
    axes = np.ogrid[box]
    squares = [((axis - at) * mm) ** 2 for axis, at, mm in zip(axes, place, SPACING_MM, strict=True)]
    inside = 2 * (radius_mm - np.sqrt(sum(squares)))
    logit[box] = np.maximum(logit[box], np.minimum(inside, 9))


def _monai(subject: Subject) -> dict[str, float]:
    import torch
    from monai import metrics

    reference, prediction = (torch.from_numpy(mask)[None, None] for mask in subject[:2])
    masks = prediction, reference
    options: dict[str, Any] = {"include_background": True, "spacing": SPACING_MM}
    counts = metrics.get_confusion_matrix(prediction.float(), reference.float())
    found = {
        "dice": metrics.compute_dice(*masks),
        "ppv": metrics.compute_confusion_matrix_metric("precision", counts),
        "tpr": metrics.compute_confusion_matrix_metric("sensitivity", counts),
        "hd95_mm": metrics.compute_hausdorff_distance(*masks, percentile=95, **options),
        "assd_mm": metrics.compute_average_surface_distance(*masks, symmetric=True, **options),
        "nsd": metrics.compute_surface_dice(*masks, [TOLERANCE_MM], **options),
    }
    return {name: float(value) for name, value in found.items()}


def _calibration(subject: Subject) -> dict[str, float]:
    import torch
    from monai.metrics import CalibrationErrorMetric

    metric = CalibrationErrorMetric(num_bins=BINS)
    metric(
        *(torch.from_numpy(array)[None, None].float() for array in (subject.probability, subject.reference))
    )
    return {"calibration_error": float(metric.aggregate())}


def _panoptica(subject: Subject) -> dict[str, float]:
    os.environ["PANOPTICA_CITATION_REMINDER"] = "false"
    try:
        import panoptica
    except ImportError:
        sys.exit(
            "panoptica is not installed here; docs/benchmarks.md says how to make an environment with it"
        )
    evaluator = panoptica.Panoptica_Evaluator(
        expected_input=panoptica.InputType.SEMANTIC,
        instance_approximator=panoptica.ConnectedComponentsInstanceApproximator(),
        instance_matcher=panoptica.NaiveThresholdMatching(matching_threshold=0.5),
        instance_metrics=[panoptica.Metric.IOU],
        global_metrics=[],
    )
    masks = (mask.astype(np.uint8) for mask in (subject.prediction, subject.reference))
    [found] = evaluator.evaluate(*masks, verbose=False).values()
    return {
        "panoptic_quality": found.pq,
        "segmentation_quality": found.sq,
        "recognition_quality": found.rq,
    }


def _check_same(ours: Mapping[str, float], theirs: Mapping[str, float]) -> None:
    different = [name for name, value in theirs.items() if not np.isclose(ours[name], value, rtol=SAME)]
    if different:
        values = ", ".join(f"{name} {ours[name]} and {theirs[name]}" for name in different)
        raise RuntimeError(f"the two sides must agree, got {values}")


def _describe(subject: Subject) -> None:
    counts: Sequence[int] = [ndimage.label(mask, np.ones((3, 3, 3)))[1] for mask in subject[:2]]
    sizes = [int(mask.sum()) for mask in subject[:2]]
    box = subject.cropped().reference.shape
    print(f"components {counts}, voxels {sizes}, box of both masks {'×'.join(map(str, box))}")


if __name__ == "__main__":
    main()
