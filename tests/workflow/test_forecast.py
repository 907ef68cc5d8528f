"""What dry_run says of a study's cost."""

from __future__ import annotations

import re

import pytest

from study.commandline.composition import compose
from study.workflow.forecast import forecast


def test_control_scans_and_stand_ins_are_told_with_the_splits() -> None:
    lines = forecast(compose(["cohort=phantoms_thrombus"])).splitlines()
    start = next(number for number, line in enumerate(lines) if "center" in line)
    assert [line.split() for line in lines[start : start + 5]] == [
        ["center", "train", "validation", "test", "unseen", "control", "not", "used"],
        ["CHSF", "5", "2", "2", "0", "0", "0"],
        ["FOCH", "0", "0", "0", "3", "0", "3"],
        ["MATAR", "4", "2", "2", "0", "2", "0"],
        ["MATAR2", "5", "2", "2", "0", "0", "1"],
    ]
    assert lines[start + 5 :] == [
        "  no reference mask: 4 subjects (FOCH 3, MATAR2 1)",
        "  SWI stands in for SWAN (cohort.modality_aliases): 1 subject (FOCH 1)",
        "  6 validation subjects judge the trials: a difference of 0.143 between two is told 80 times in 100 (paired t "
        "test; it is assumed that subjects' differences vary by 0.1)",
    ]
    excluded = forecast(compose(["cohort=phantoms_thrombus", "cohort.controls=exclude"]))
    assert "control scans, not used (cohort.controls=exclude): 2 subjects (MATAR 2)" in excluded
    assert "control  " not in excluded


def test_the_cost_is_what_its_numbers_give() -> None:
    config = compose(
        ["model=nnunet", "model.patch_size=[100,100,100]", "study.trials=2", "trainer.epochs=10",
         "trainer.iterations_per_epoch=5", "trainer.batch_size=2"]
    )  # fmt: skip
    text = forecast(config)
    assert "200 training patches of at most 1,000,000 voxels through nnunet" in text
    assert (
        "at most 0.0039 GPU-hours at 20 TFLOP/s, or 1.9 core-hours" in text
    )  # 200 · 1e6 · 1.4e6 / rate / 3600
    assert "at most 1.2 GB" in text  # 2 trials · 31.2 million · 4 bytes · (1 + 2 · 2)


def test_replicates_are_trainings_of_two_trials() -> None:
    given = [
        "model.patch_size=[10,10,10]",
        "study.trials=2",
        "trainer.epochs=10",
        "trainer.iterations_per_epoch=5",
    ]
    alone, repeated = (forecast(compose([*given, f"study.replicates={number}"])) for number in (0, 3))
    assert "trainings more" not in alone
    assert "6 trainings more: the winner and its rival, 3 times each with other seeds" in repeated
    counts = [
        int(re.search(r"([\d,]+) training patches", text)[1].replace(",", "")) for text in (alone, repeated)
    ]  # type: ignore[index]
    assert counts[1] == 4 * counts[0]  # 2 trials, and 6 more


def test_kept_probabilities_are_counted() -> None:
    config = compose(
        ["study.trials=100", "cohort.phantom.centers=[CHSF]", "cohort.phantom.subjects_per_center=50"]
    )
    maps = 100 * 10 * 2  # a fifth validates; with B0 and without
    assert f"at most {maps:,} kept probability maps" in forecast(config)
    assert "6.0 GB if they have 512×512×100 voxels" in forecast(config)


@pytest.mark.parametrize(
    ("model", "voxels"),
    [
        ("unet2d", 256 * 256),
        ("urn", 256 * 256),
        ("upattllstm", 12 * 256 * 256),
        ("nnunet", 1_333_333),
        ("nnunet_small", 20_000),
    ],
)
def test_a_planned_patch_is_told_at_its_largest(model: str, voxels: int) -> None:
    assert f"at most {voxels:,} voxels" in forecast(compose([f"model={model}"]))


def test_mirroring_is_told_with_its_passes() -> None:
    mirrored = forecast(compose(["evaluation.mirror=[left_right, front_back]"]))
    assert "mirroring at test time (left_right, front_back): 4 passes for each prediction" in mirrored
    assert "mirroring" not in forecast(compose([]))


def test_an_ensemble_is_told_with_what_it_costs() -> None:
    line = "an ensemble of at most 5 trials, at the end: each predicts the test subjects once more"
    assert line in forecast(compose(["ensemble.members=5"]))
    assert "ensemble" not in forecast(compose([]))
