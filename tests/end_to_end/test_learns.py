"""Every network and every technique learns from the small phantoms, in about a minute each."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from later_wins import later_wins

from study.commandline.composition import compose
from study.config import Config
from study.evaluation.metrics import dice
from study.evaluation.objective import objective_score
from study.machine.runtime import Runtime
from study.records import StudyFolder
from study.training.epoch import ValidationScores
from study.workflow.networks import build_network
from study.workflow.opening import open_study
from study.workflow.preparation import prepare_study
from study.workflow.trial import run_trial

pytestmark = pytest.mark.slow

COHORT = [
    "study.trials=1",
    "cohort.phantom.centers=[CHSF,JHU]",
    "cohort.unseen=[]",
    "cohort.splits.test=0.1",
    "imaging.spacing_mm=[6.0,4.0,4.0]",
    "trainer.augmentation=none",
    "trainer.validate_every=1000",
    "evaluation.postprocessing_trials=0",
    "evaluation.bootstrap=50",
    "modality_dropout.drop_probability=0.3",
]
SHORT = ["trainer.epochs=8", "trainer.iterations_per_epoch=20"]
NNUNET = ["model.base_channels=6", *SHORT]
ADAM = [*SHORT, "trainer.optimizer=adam", "trainer.learning_rate=0.005"]
SMALL = ["model.base_channels=6", "model.memory_gb=0.03", *ADAM]
STACK = [
    *SHORT,
    "trainer.optimizer=adam",
    "trainer.learning_rate=0.01",
    "model.slices=8",
    "trainer.batch_size=2",
    "model.attention.channels=16",
]
ATTENTION = [
    "trainer.loss=dice",
    "model.attention.dwi=B0",
    "model.attention.susceptibility=[DWI,ADC]",
    "model.attention.patch_dwi=8",
    "model.attention.patch_swan=2",
]
CASES = {
    "nnunet": NNUNET,
    "resenc_unet": ["model=resenc_unet", *SMALL],
    "multiunet": ["model=multiunet", *SMALL, "trainer.loss=dice", "trainer.epochs=16"],
    "unet2d": ["model=unet2d", *SMALL],
    "urn": ["model=urn", *SMALL, "model.unified.channels=6", "trainer.loss=ce", "trainer.epochs=16"],
    "urn_pretrained": [
        "model=urn",
        *SMALL,
        "model.unified.channels=6",
        "model.unified.pretraining_epochs=5",
        "model.unified.pretraining_rate=0.005",
    ],
    "tiramisu": ["model=tiramisu", *SMALL, "model.densenet.blocks=2", "model.densenet.layers=2"],
    "clstm": ["model=clstm", *STACK, "model.recurrent.conv_channels=12", "trainer.epochs=14"],
    "llstm": ["model=llstm", *STACK, "trainer.learning_rate=0.005", "trainer.epochs=11"],
    "attclstm": [
        "model=attclstm",
        *STACK,
        *ATTENTION,
        "model.recurrent.conv_channels=12",
        "trainer.learning_rate=0.005",
        "trainer.epochs=14",
    ],
    "attllstm": ["model=attllstm", *STACK, *ATTENTION],
    "upattllstm": [
        "model=upattllstm",
        *STACK,
        *ATTENTION,
        "model.attention.dwi=DWI",
        "model.attention.susceptibility=[ADC,B0]",
        "trainer.loss=dice_ce",
        "trainer.learning_rate=0.005",
    ],
    "upattclstm": ["model=upattclstm", *STACK, *ATTENTION, "model.recurrent.conv_channels=12"],
    "moddrop": ["technique=moddrop", *NNUNET],
    "moddrop_plus": ["technique=moddrop_plus", *NNUNET],
    "moddrop_plus_plus": ["technique=moddrop_plus_plus", *NNUNET],
    "distillation": ["technique=distillation", *NNUNET],
    "ranking": ["technique=ranking", *NNUNET],
    "by_loss": ["technique=by_loss", *NNUNET],
    "filler": ["technique=filler", "filler.cells=[2,2,2]", *NNUNET],
    "imputation": ["technique=imputation", *NNUNET],
    "everything": [
        "technique=distillation",
        "ranking.enabled=true",
        "cotraining.enabled=true",
        "filler.kind=learned",
        "imputation.kind=physics",
        "modality_dropout.subset_sampling=by_loss",
        "modality_dropout.droppable=[ADC,B0]",
        "head.kind=dynamic",
        *NNUNET,
    ],
}


@pytest.fixture(scope="session")
def phantoms(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("phantoms")


def start_dice(config: Config, folder: StudyFolder) -> float:
    """Mean Dice of validation subjects with all they have, before training."""
    data = open_study(folder, config)
    torch.manual_seed(config.study.seed)
    network = build_network(config, data.plan)
    judge = data.judge(Runtime.choose("cpu", "fp32"))
    records = [
        (one.facts.center, one.key, bool(availability.removed), dice(one.target, probability >= 0.5, "one"))
        for one, availability, probability in judge.predictions(network, data.of(data.splits.validation))
    ]
    return objective_score(records, config.objective).full


@pytest.mark.parametrize("arguments", CASES.values(), ids=CASES)
def test_it_learns(arguments: list[str], phantoms: Path, tmp_path: Path) -> None:
    given = [*COHORT, f"study.root={tmp_path}", f"cohort.phantom.root={phantoms}", "study.name=learns"]
    config = compose(later_wins(*given, f"imaging.cache={phantoms / 'cache'}", *arguments))
    folder = StudyFolder(tmp_path, "learns")
    prepare_study(config, folder)
    before = start_dice(config, folder)
    trial = folder.trial(0)
    trial.parameters.write({})
    scores: list[ValidationScores | None] = []
    run_trial(config, trial, lambda epoch: bool(scores.append(epoch.validation)))
    assert scores[-1] is not None
    after = scores[-1].full
    assert after > before + 0.15, (before, after)
    assert math.isfinite(trial.fits.own.read().value)
