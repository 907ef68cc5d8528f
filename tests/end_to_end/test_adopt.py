"""A network that nnU-Net trained is judged, evaluated, searched for post-processing and exported."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from models import build_model, read_plan
from study import adopt, evaluate, export, load_bundle, load_study, postprocess, train
from study.commandline import run_command
from study.deployment.bundle import build_network, read_bundle

unet = pytest.importorskip(
    "dynamic_network_architectures.architectures.unet",
    reason="needs dynamic-network-architectures, installed with --no-deps",
)
Rows = list[dict[str, str]]
Arguments = Callable[..., list[str]]

ARCHITECTURE = {
    "n_stages": 3,
    "features_per_stage": [4, 8, 8],
    "conv_op": "torch.nn.modules.conv.Conv3d",
    "kernel_sizes": [[1, 3, 3], [3, 3, 3], [3, 3, 3]],
    "strides": [[1, 1, 1], [1, 2, 2], [2, 2, 2]],
    "n_conv_per_stage": [2, 2, 2],
    "n_conv_per_stage_decoder": [2, 2],
    "conv_bias": True,
    "norm_op": "torch.nn.modules.instancenorm.InstanceNorm3d",
    "norm_op_kwargs": {"eps": 1e-5, "affine": True},
    "dropout_op": None,
    "dropout_op_kwargs": None,
    "nonlin": "torch.nn.LeakyReLU",
    "nonlin_kwargs": {"inplace": True},
}
PATCH, SPACING = [8, 16, 16], [4.0, 3.0, 3.0]


def reference(inputs: int = 3) -> nn.Module:
    """The network as nnU-Net builds it, with weights that show a wrong order."""
    torch.manual_seed(5)
    network: nn.Module = unet.PlainConvUNet(
        inputs, 3, (4, 8, 8), nn.Conv3d, [(1, 3, 3), (3, 3, 3), (3, 3, 3)],
        [(1, 1, 1), (1, 2, 2), (2, 2, 2)], (2, 2, 2), 2, (2, 2), conv_bias=True, norm_op=nn.InstanceNorm3d,
        norm_op_kwargs={"eps": 1e-5, "affine": True}, nonlin=nn.LeakyReLU, nonlin_kwargs={"inplace": True},
        deep_supervision=True,
    )  # fmt: skip
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.ndim == 1:
                parameter.uniform_(-1, 1)
    return network


def checkpoint(path: Path, network: nn.Module, **changes: Any) -> Path:
    """As nnU-Net v2 writes its `checkpoint_final.pth`."""
    settings = {"patch_size": PATCH, "spacing": SPACING, "normalization_schemes": ["ZScoreNormalization"] * 3}
    settings["architecture"] = {
        "network_class_name": "dynamic_network_architectures.architectures.unet.PlainConvUNet",
        "arch_kwargs": ARCHITECTURE | changes.pop("architecture", {}),
    }
    content = {
        "network_weights": {f"module.{key}": value for key, value in network.state_dict().items()},
        "optimizer_state": None,
        "logging": {"train_losses": [np.float32(0.5), np.float64(0.25)]},
        "init_args": {
            "plans": {"configurations": {"base": settings, "3d_fullres": {"inherits_from": "base"}}},
            "configuration": "3d_fullres",
            "fold": 0,
            "dataset_json": {
                "channel_names": {"0": "DWI", "1": "ADC", "2": "B0"},
                "labels": {"background": 0, "lesion": 1},
            },
        },
    }
    content["init_args"]["dataset_json"] |= changes
    torch.save(content, path)
    return path


@pytest.fixture
def adopted(hospitals: Rows, arguments: Arguments, tmp_path: Path) -> Path:
    weights = checkpoint(tmp_path / "checkpoint_final.pth", reference())
    run_command(adopt.main, [*arguments(hospitals), f"weights={weights}"])
    return tmp_path / "studies" / "adopted"


def test_the_bundle_holds_the_network_that_nnunet_trained(adopted: Path, tmp_path: Path) -> None:
    run_command(
        export.main, [f"study.root={adopted.parent}", "study.name=adopted", f"out={tmp_path / 'bundle'}"]
    )
    contents = read_bundle(tmp_path / "bundle")
    assert contents.manifest.preparation.spacing_mm == tuple(SPACING)
    ours, theirs, x = build_network(contents), reference(), torch.randn(1, 3, *PATCH)
    with torch.no_grad():
        torch.testing.assert_close(ours(x), theirs(x)[0], rtol=1e-5, atol=1e-5)


def test_it_is_a_study_like_any_other(adopted: Path, hospitals: Rows, tmp_path: Path) -> None:
    study = load_study(adopted)
    assert study.trials()["state"].to_dict() == {0: "complete"}
    assert set(study.table()["center"]) == {"North", "South", "Abroad"}
    where = [f"study.root={adopted.parent}", "study.name=adopted"]
    run_command(evaluate.main, where)
    run_command(postprocess.main, [*where, "apply=true"])
    bundle = load_bundle(study.export(tmp_path / "bundle.zip"))
    prediction = bundle.predict({"DWI": hospitals[0]["DWI"]})
    assert prediction.absent == ("ADC", "B0")


def test_a_state_dict_of_ours_gives_the_rows_that_its_study_had(
    hospitals: Rows, arguments: Arguments, tmp_path: Path
) -> None:
    run_command(train.main, arguments(hospitals))
    trained = load_study(tmp_path / "studies" / "train")
    weights = trained.folder.trial(0).weights.path
    run_command(adopt.main, [*arguments(hospitals), f"weights={weights}"])
    again = load_study(tmp_path / "studies" / "adopted")
    assert again.rows()["dice"].tolist() == trained.rows()["dice"].tolist()


def refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as ended:
        run_command(adopt.main, arguments)
    assert ended.value.code == 2
    return capsys.readouterr().err


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"channel_names": {"0": "ADC", "1": "DWI", "2": "B0"}}, "takes ADC, DWI, B0, in this order"),
        ({"labels": {"background": 0, "core": 1, "penumbra": 2}}, "3 classes"),
        ({"architecture": {"dropout_op": "torch.nn.Dropout3d"}}, "dropout_op"),
        ({"architecture": {"features_per_stage": [4, 8, 16]}}, "has shape"),
    ],
)
def test_what_does_not_fit_is_refused_before_any_scan_is_read(
    changes: dict[str, Any],
    said: str,
    hospitals: Rows,
    arguments: Arguments,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    weights = checkpoint(tmp_path / "checkpoint_final.pth", reference(), **changes)
    assert said in refused([*arguments(hospitals), f"weights={weights}"], capsys)
    assert not (tmp_path / "studies" / "adopted").exists()


class Malicious:
    """Unpickling it would make a folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


def test_code_in_a_checkpoint_is_not_run(
    hospitals: Rows, arguments: Arguments, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    harm = tmp_path / "harm"
    torch.save({"network_weights": Malicious(harm), "init_args": {}}, tmp_path / "checkpoint.pth")
    said = refused([*arguments(hospitals), f"weights={tmp_path / 'checkpoint.pth'}"], capsys)
    assert "holds more than tensors and plain values" in said
    assert not harm.exists()


def test_weights_that_are_none_are_refused(
    hospitals: Rows, arguments: Arguments, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_file({"weight": torch.zeros(1)}, tmp_path / "other.safetensors")
    (tmp_path / "damaged.safetensors").write_bytes(b"no tensors")
    settings = arguments(hospitals)
    assert "encoder.0.0.0.weight is missing" in refused(
        [*settings, f"weights={tmp_path / 'other.safetensors'}"], capsys
    )
    assert "is damaged" in refused([*settings, f"weights={tmp_path / 'damaged.safetensors'}"], capsys)
    assert "there is no file" in refused([*settings, "weights=absent.pth"], capsys)
    assert "weights: required" in refused(settings, capsys)


def test_the_plan_of_a_published_network_builds_it() -> None:
    from models import find_model

    published = find_model("nnunet").published
    assert published is not None
    plan = published.plan(ARCHITECTURE, ("DWI", "ADC", "B0"), 2, PATCH)
    ours = build_model("nnunet", read_plan("nnunet", plan.to_dict()))
    assert ours.load_state_dict(published.rename(reference().state_dict())).missing_keys == []
