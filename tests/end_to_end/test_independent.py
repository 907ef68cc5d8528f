"""Independent models and transfer, trained for real on tiny scans, without Ray."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from study import train
from study.commandline.composition import compose
from study.errors import ConfigError
from study.machine.files import read_json
from study.records import Ranking, StudyFolder
from study.workflow.export import export_bundle
from study.workflow.networks import build_network
from study.workflow.opening import open_study
from study.workflow.preparation import prepare_study
from study.workflow.starting import find_start
from study.workflow.trial import run_trial

Arguments = Callable[..., list[str]]
Rows = list[dict[str, str]]


def test_an_independent_model_is_trained_and_judged_on_its_own_subset_alone(
    hospitals: Rows, arguments: Arguments, tmp_path: Path
) -> None:
    given = arguments(hospitals, "study.name=one", "technique=independent")
    config = compose([argument for argument in given if not argument.startswith("search_space")])
    folder = StudyFolder(tmp_path / "studies", "one")
    prepare_study(config, folder)
    for number, inputs in enumerate(("DWI+ADC+B0", "DWI+ADC", "ADC")):
        trial = folder.trial(number)
        trial.parameters.write({"model.inputs": inputs})
        run_trial(config.with_values({"model.inputs": inputs}), trial, lambda epoch: False)
        rows = trial.rows.read()
        assert set(rows["subset"]) == {inputs}
        owned = {"North": 3, "Abroad": 2}
        for center, count in owned.items():
            own = rows[rows["center"] == center]
            if inputs == "DWI+ADC+B0" and center == "Abroad":
                assert own.empty  # has no B0
            else:
                gone = count - (inputs.count("+") + 1)
                assert {removed.count("+") + 1 if removed else 0 for removed in own["removed"]} == {gone}
        assert trial.weights.tensors()["encoder.0.0.0.weight"].shape[1] == inputs.count("+") + 1
    assert len(Ranking(folder).winning_rows()) == sum(len(folder.trial(n).rows.read()) for n in range(3))
    export_bundle(folder, tmp_path / "bundle", trial=2)
    assert read_json(tmp_path / "bundle" / "bundle.json")["modalities"] == ["ADC"]


def test_every_subset_gets_its_trial(hospitals: Rows, arguments: Arguments) -> None:
    given = arguments(hospitals, "technique=independent")
    config = compose([argument for argument in given if not argument.startswith("search_space")])
    assert config.study.trials == 7
    assert config.study.name == "independent"


def test_transfer_starts_from_the_source_with_a_new_modality_at_zero(
    hospitals: Rows, arguments: Arguments, tmp_path: Path
) -> None:
    train.main(arguments(hospitals, "study.name=first", "cohort.modalities=[DWI,ADC]",
                         "modality_dropout.droppable=[ADC]"))  # fmt: skip
    source = tmp_path / "studies" / "first"
    export_bundle(StudyFolder.find(source.parent, "first"), tmp_path / "bundle.zip")
    for path in (source, tmp_path / "bundle.zip"):
        config = compose(
            arguments(
                hospitals,
                f"study.name=from-{path.stem}",
                f"transfer.source={path}",
                "cohort.modalities=[B0,ADC,DWI]",
                "head.kind=dynamic",
            )
        )
        folder = StudyFolder(source.parent, config.study.name)
        prepare_study(config, folder, find_start(config))
        start = folder.start.read()
        assert start is not None
        trial = folder.trial(0)
        trial.parameters.write({})
        run_trial(config, trial, lambda epoch: False)
        weights = load_file(source / "trials" / "0000" / "weights.safetensors")
        for key, tensor in start.tensors.items():
            assert torch.equal(tensor, weights[key])
    data = open_study(folder, folder.trial_config(trial))
    network = build_network(config, data.plan)
    from study.workflow.networks import apply_start

    apply_start(start, network, config, data.plan)
    state = network.state_dict()
    first = state["network.encoder.0.0.0.weight"]
    assert torch.equal(first[:, 0], torch.zeros_like(first[:, 0]))
    assert torch.equal(first[:, 1], weights["encoder.0.0.0.weight"][:, 1])
    assert torch.equal(first[:, 2], weights["encoder.0.0.0.weight"][:, 0])
    assert torch.equal(state["network.decoder.heads.0.bias"], weights["decoder.heads.0.bias"])


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (
            ["model.base_channels=4"],
            r"has shape \[8, 3, 3, 3, 3\].* in the source, \[4, 3.*features.*there.*here",
        ),
        (
            ["model=resenc_unet", "model.memory_gb=0.1"],
            r"the source is a nnunet, got model\.name=resenc_unet",
        ),
    ],
    ids=["channels", "network"],
)
def test_weights_of_another_shape_are_refused_before_the_study_exists(
    hospitals: Rows, arguments: Arguments, tmp_path: Path, more: list[str], message: str
) -> None:
    train.main(arguments(hospitals, "study.name=first"))
    config = compose(
        arguments(hospitals, "study.name=second", f"transfer.source={tmp_path / 'studies' / 'first'}", *more)
    )
    folder = StudyFolder(tmp_path / "studies", "second")
    with pytest.raises(ConfigError, match=message):
        prepare_study(config, folder, find_start(config))
    assert not folder.config.exists


def test_a_source_that_is_neither_study_nor_bundle_is_named(
    hospitals: Rows, arguments: Arguments, tmp_path: Path
) -> None:
    config = compose(arguments(hospitals, "study.name=second", f"transfer.source={tmp_path}"))
    with pytest.raises(ConfigError, match=r"transfer\.source: .* is neither a study's folder nor a bundle"):
        find_start(config)
