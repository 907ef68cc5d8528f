"""The thrombus experiments: every system in turn, trained for a moment, and the table that compares them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from search_spaces import SearchSpace
from study.commandline.composition import compose
from study.records import CompleteTrial, StudyFolder
from study.workflow.forecast import forecast
from study.workflow.preparation import prepare_study
from study.workflow.report import final_report, summarise
from study.workflow.trial import run_trial

SYSTEMS = {
    "thrombus_slices": [f"slices={count}" for count in (8, 10, 12, 14, 16)],
    "thrombus_models": [
        "name=nnunet",
        *(
            f"name={name}, kind={kind}"
            for name in ("lstm", "attlstm", "upattlstm")
            for kind in ("clstm", "llstm")
        ),
    ],
    "thrombus_multicentric": ["shape=none", "shape=step"],
}
CONFIGURED = {
    "thrombus_slices": "slices=12",
    "thrombus_models": "name=upattlstm, kind=llstm",
    "thrombus_multicentric": "shape=none",
}
BRIEF = [
    "cohort.phantom.subjects_per_center=6",  # one of FOCH has SWI in SWAN's place
    "imaging.spacing_mm=[4,4,4]",
    "imaging.in_plane_crop=[32,32]",
    "trainer.epochs=1",
    "trainer.iterations_per_epoch=1",
    "trainer.batch_size=2",
    "evaluation.postprocessing_trials=10",
    "evaluation.bootstrap=50",
]


@pytest.mark.slow
@pytest.mark.parametrize("experiment", SYSTEMS)
def test_an_experiment_compares_its_systems(
    experiment: str, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    shared = tmp_path_factory.getbasetemp() / "experiments"
    roots = [f"study.root={tmp_path}", f"cohort.phantom.root={shared}", f"imaging.cache={shared / 'cache'}"]
    config = compose([f"experiment={experiment}", *BRIEF, *roots])
    folder = StudyFolder(tmp_path, config.study.name)
    prepare_study(config, folder)
    space = SearchSpace.parse(config.search_space, config)
    assert config.study.trials == len(space.turns)
    for number, turn in enumerate(space.turns):
        trial = folder.trial(number)
        values = {**_fixed(space, turn), **turn}
        trial.parameters.write(values)
        result = run_trial(config.with_values(values), trial, lambda epoch: False)
        assert isinstance(result, CompleteTrial)
        assert trial.fits.own.read().tried > 10
    folder.summary.write(summarise(config, folder))
    report = final_report(config, folder)
    for system in SYSTEMS[experiment]:
        assert re.search(rf"^detection rate +{re.escape(system)} +yes +nothing ", report, re.MULTILINE)
    assert f"Each system against {CONFIGURED[experiment]}" in report
    if experiment == "thrombus_multicentric":  # FOCH has no PHASE
        assert re.search(r"^Dice +shape=step +no +nothing ", report, re.MULTILINE)
        assert "only those with SWAN=SWI" in report


def _fixed(space: SearchSpace, turn: dict[str, Any]) -> dict[str, Any]:
    """The settings that go with a turn: those of its conditions, and the low end of what is drawn."""
    values: dict[str, Any] = {}
    for parameter in space.outer.parameters:
        known = {**space.given, **values, **turn}
        if parameter.path not in turn and all(
            known[path] in wanted for path, wanted in parameter.when.items()
        ):
            values[parameter.path] = parameter.value if parameter.kind == "fixed" else parameter.low
    return values


@pytest.mark.parametrize("experiment", SYSTEMS)
def test_an_experiment_can_be_run_at_full_size(experiment: str, tmp_path: Path) -> None:
    full = ["cohort.phantom.size=full", "trainer=thrombus"]
    config = compose([f"experiment={experiment}", *full, f"study.root={tmp_path}"])
    assert (config.trainer.epochs, config.trainer.loss, config.trainer.sampling) == (1000, "ce", "pairs")
    assert config.imaging.in_plane_crop == (256, 256)
    assert (config.model.attention.patch_dwi, config.model.attention.patch_swan) == (32, 4)
    assert f"{len(SYSTEMS[experiment])} trials, 1000 epochs each" in forecast(config)
