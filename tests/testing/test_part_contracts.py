"""Our parts keep the contracts of their kinds, and a part that breaks one fails the check."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna
import pytest
from installing import installed

from study.config.parts import PARTS
from study.testing import parts

CHECKS: dict[str, Callable[[str], None]] = {
    "schedules": parts.check_schedule,
    "policies": parts.check_policy,
    "losses": parts.check_loss,
    "augmentations": parts.check_augmentation,
    "channels": parts.check_channel,
    "samplers": parts.check_sampler,
    "schedulers": parts.check_scheduler,
}
OURS = [(kind, name) for kind in CHECKS for name in PARTS[kind]]
BROKEN = """
import numpy as np
import random
import torch
from study.cohort import Listing
from study.imaging.channels.channel import Channel, Way

def plain(sources): return sources.images["DWI"]
def at_right(sources): return sources.images["DWI"] * np.linspace(0, 1, sources.inside.shape[2], dtype=np.float32)
def over_all(sources): return sources.images["DWI"] / np.float32(sources.images["DWI"].mean())
def undefined(sources): return np.full_like(sources.images["DWI"], np.nan)
sided, beyond_brain, endless = (Channel(Way(("DWI",), one)) for one in (at_right, over_all, undefined))
def rising(schedule, position): return position
def beyond(schedule, position): return 2.0
def everything(candidates, most, settings, rng): return np.ones(candidates + 1, bool)
def numbers(candidates, most, settings, rng): return np.ones(candidates)
def own_dice(candidates, most, settings, rng): return np.array([random.random() < .5 for _ in range(candidates)], bool)
def summed(margin, truth, trainer): return (margin - truth).abs().sum()
def infinite(margin, truth, trainer): return margin.exp().mean()
def cropped(patch, present, rng):
    image, target = patch.cut()
    return image[..., 1:], target
def revived(patch, present, rng):
    image, target = patch.cut()
    return image + np.float32(1), target
def in_place(patch, present, rng):
    patch.prepared.image[present] += 1
    return patch.cut()
def nothing(cohort): return Listing(())
def bare(cohort): return []
class Flip:
    def judge(self, number, epoch, value): return random.random() < .5
def flip(rungs, tuning): return Flip()
"""
FAULTS = [
    ("schedules", "rising", "must never rise"),
    ("schedules", "beyond", r"must be in \[0, 1\]"),
    ("policies", "everything", r"must be \[candidates\]"),
    ("policies", "numbers", "must be booleans"),
    ("policies", "own_dice", "from the generator alone"),
    ("losses", "summed", "must be the mean over samples"),
    ("losses", "infinite", "must be finite"),
    ("augmentations", "cropped", "must keep the shape"),
    ("augmentations", "revived", "must leave absent modalities 0"),
    ("augmentations", "in_place", "must leave the image"),
    ("channels", "plain", "must be a Channel, got function"),
    ("channels", "sided", "must be mirrored with the brain"),
    ("channels", "beyond_brain", "must not read voxels beyond the brain"),
    ("channels", "endless", "must give finite values"),
    ("readers", "nothing", "at least one entry"),
    ("readers", "bare", "must give a Listing, got list"),
    ("schedulers", "flip", "the same decision"),
]


@pytest.fixture(autouse=True)
def quiet() -> None:
    optuna.logging.set_verbosity(optuna.logging.WARNING)


@pytest.mark.parametrize(("kind", "name"), OURS)
def test_our_parts_keep_the_contract(kind: str, name: str) -> None:
    CHECKS[kind](name)


@pytest.mark.parametrize(("kind", "name", "complaint"), FAULTS)
def test_a_part_that_breaks_the_contract_is_told_so(
    tmp_path: Path, kind: str, name: str, complaint: str
) -> None:
    checks: dict[str, Callable[[str], Any]] = {**CHECKS, "readers": parts.check_reader}
    with (
        installed(tmp_path, "faulty", BROKEN, {f"fadeout.{kind}": {name: name}}),
        pytest.raises(AssertionError, match=complaint),
    ):
        checks[kind](name)


def test_our_reader_of_manifests_keeps_the_contract(tmp_path: Path) -> None:
    image = tmp_path / "dwi.nii.gz"
    image.touch()
    manifest = tmp_path / "cohort.json"
    manifest.write_text(json.dumps([{"subject": "a", "patient": "p", "center": "C", "DWI": str(image)}]))
    parts.check_reader("manifest", {"path": str(manifest)})
