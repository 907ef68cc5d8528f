"""A study on Ray whose training shows fresh brains: killed, resumed, and the same as one that was never stopped."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from killing import Marked

from study.records import StudyFolder
from study.training.ranks import Ranks
from study.training.samples import Samples
from study.workflow.course import training_course
from study.workflow.opening import open_study

pytestmark = pytest.mark.slow
EPOCHS = 8


def arguments(root: Path, phantoms: Path) -> list[str]:
    return [
        "cohort.phantom.stream=true",
        "cohort.phantom.stream_every=3",
        "cohort.phantom.stream_processes=1",
        "cohort.phantom.centers=[CHSF,JHU,ISLES]",
        "cohort.phantom.subjects_per_center=5",
        "cohort.phantom.dirt.step_mm=2.5",
        f"cohort.phantom.root={phantoms}",
        "imaging.spacing_mm=[8,6,6]",
        "search_space=none",
        f"trainer.epochs={EPOCHS}",
        "trainer.iterations_per_epoch=5",
        "trainer.batch_size=2",
        "trainer.validate_every=4",
        "trainer.augmentation=none",
        "trainer.deterministic=true",
        "model.patch_size=[8,16,16]",
        "evaluation.bootstrap=20",
        "evaluation.postprocessing_trials=4",
        "tracking.enabled=false",
        f"study.root={root}",
        "study.name=fresh",
        "study.trials=1",
    ]


def ended(command: str, given: list[str]) -> str:
    done = subprocess.run([sys.executable, "-m", command, *given], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def needed_entries(folder: StudyFolder) -> set[str]:
    """The addresses of the fixed subjects, and of the brains that the samples of the training show."""
    trial = folder.trial(0)
    config = folder.trial_config(trial)
    data = open_study(folder, config)
    samples = Samples(
        training_course(config), data.of(data.splits.train), data.plan.patch_size, 1, data.stream
    )
    brains = set().union(*samples.needs(0, Ranks()))
    assert len(brains) > 5
    assert {brain.phantom[:7] for brain in brains} <= {
        "sub-CHS",
        "sub-JHU",
    }  # never of ISLES, which is unseen
    assert data.stream is not None
    fixed = {one.address for one in data.prepared.used if one.address}
    return fixed | {data.stream.recipe.entry(brain).name for brain in brains}


def test_a_study_that_was_killed_ends_as_one_that_was_not(tmp_path: Path) -> None:
    whole, killed = (
        StudyFolder(tmp_path / "whole", "fresh"),
        StudyFolder(tmp_path / "killed", "fresh"),
    )
    said = ended("study.train", arguments(tmp_path / "whole", tmp_path / "phantoms"))
    assert "fresh brains: at most 13, one every 3 iterations, in the places of 6 training subjects" in said
    given = arguments(tmp_path / "killed", tmp_path / "phantoms")
    with Marked.start(["-m", "study.run", *given]) as study:
        study.wait_for(lambda: bool(killed.begun()) and len(killed.trial(0).training.epochs.read()) >= 3)
        study.process.kill()
        study.end()
    before = len(killed.trial(0).training.epochs.read())
    assert 3 <= before < EPOCHS
    assert "Winner: trial 0" in ended("study.run", [*given, "resume=true"])
    losses = [
        [epoch.train_loss for epoch in folder.trial(0).training.epochs.read()] for folder in (whole, killed)
    ]
    assert len(losses[0]) == len(losses[1]) == EPOCHS
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-3)
    for folder in (whole, killed):
        cache = folder.path.parent / "cache"
        assert {path.parent.name for path in cache.glob("*/*/grid.json")} == needed_entries(folder)
