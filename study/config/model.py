"""Section `model`: which network, and its settings."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from models import MODELS, find_model, model_names
from study.config.known import Known
from study.config.own_settings import SettingsOf
from study.config.parts import must_be_one_of
from study.config.section import Count, NotNegative, Positive, Section


class Recurrent(Section):
    """The recurrent part of the thrombus networks (Vargas-Ibarra 2024, section 2.2.2)."""

    kind: Literal["llstm", "clstm"] = Field("llstm", description="logic LSTM or convolutional LSTM")
    conv_channels: Count = Field(4, description="n_c; of clstm: all its channels")
    logic_scales: Annotated[int, Field(ge=1, le=12)] | None = Field(
        None, description="k, window sizes of the pooling; null: 8, or as many as a small crop allows"
    )
    multiplicity: Count = Field(3, description="m, channels per window size; n_l = k m")
    kernel_size: Literal[1, 3, 5, 7] = Field(3, description="w; the papers do not say")
    second_pass: Literal["forward", "reverse", "none"] = Field(
        "forward", description="how the stack is gone through again: from the first slice, from the last, not"
    )
    recompute: bool = Field(True, description="keep less memory in training, compute a part twice")


class Attention(Section):
    """The cross-attention of the thrombus networks (Vargas-Ibarra 2024, section 2.2.1)."""

    dwi: str = Field("DWI", description="the modality that guides")
    susceptibility: Annotated[tuple[str, ...], Field(min_length=1)] = Field(
        ("SWAN", "PHASE"), description="the modalities that are segmented on"
    )
    patch_dwi: Count = Field(32, description="voxels along the side of a patch that is a token of the guide")
    patch_swan: Count = Field(4, description="voxels along the side of a token of the others")
    channels: Count = Field(32, description="d, of a token")
    second_skip: Literal["susceptibility", "attended"] = Field(
        "susceptibility", description="what is added after the second layer: Z_S, or the attended Y"
    )


class Unified(Section):
    """The unified representation network (Lau 2019)."""

    fusion: Literal["mean", "log_mean_exp"] = Field("mean", description="of the modalities' representations")
    channels: Count = Field(16, description="of the representation")
    decoder_channels: Count = Field(32, description="of the first stage of the decoders")
    variance_weight: NotNegative = Field(1e-4, description="of the variance between representations")
    synthesis_weight: NotNegative = Field(
        1.0, description="of the synthesis beside the segmentation in end-to-end training"
    )
    pretraining_epochs: Annotated[int, Field(ge=0)] = Field(
        0, description="epochs of synthesis alone, after which encoders are frozen; 0: end to end"
    )
    pretraining_rate: Annotated[float, Field(gt=0, le=1)] = Field(
        3e-5, description="learning rate of these epochs"
    )
    pretraining_theta: Annotated[float, Field(gt=0, lt=1)] = Field(
        0.8, description="modality_dropout.theta of these epochs"
    )


class DenseNet(Section):
    """The 2.5D fully convolutional DenseNet (Liu 2022; Jégou 2017)."""

    first_channels: Count = Field(48, description="of the first convolution")
    growth: Count = Field(12, description="channels that a layer adds")
    layers: Count = Field(4, description="of each dense block")
    blocks: Annotated[int, Field(ge=1, le=7)] = Field(5, description="on the way down, and on the way up")
    slices: Literal[1, 3, 5, 7] = Field(3, description="neighbouring slices of each modality, as channels")


class Rule(Section):
    """The rule without training: locally bright in DWI, dark in ADC."""

    contrast: Annotated[float, Field(gt=0, le=100)] = Field(
        1.2, description="lowest ratio of smoothed DWI to its mean around"
    )
    adc: Annotated[float, Field(gt=0, le=10)] = Field(0.65, description="highest smoothed ADC, in 10⁻³ mm²/s")
    local_mm: Annotated[float, Field(gt=0, le=100)] = Field(
        12.0, description="standard deviation of the Gaussian that the mean of DWI is taken with"
    )
    smooth_mm: Annotated[float, Field(ge=0, le=100)] = Field(
        1.0, description="standard deviation of the Gaussian that both images are smoothed with"
    )


def _check_model(name: str) -> None:
    if name not in MODELS and name not in model_names():  # ours need no search of installed packages
        raise ValueError(must_be_one_of(model_names(), name))
    try:
        find_model(name)
    except ValueError as error:
        raise ValueError(str(error).removeprefix("model.name: ")) from None


def _model_settings(name: str) -> type | None:
    return find_model(name).settings


class Model(Section):
    """The network. What is null is planned from the training subjects."""

    name: Annotated[str, Known(model_names, _check_model)] = Field(
        "nnunet", description="of the network; model=<choice> sets its published settings, too"
    )
    inputs: str | None = Field(
        None,
        description="modalities the network is built for, such as DWI+ADC: one model of technique=independent; "
        "null: all",
    )
    base_channels: Count = Field(32, description="of the first stage; doubled from stage to stage")
    max_channels: Count = Field(320, description="of any stage")
    stages: Annotated[int, Field(ge=2, le=8)] | None = Field(None, description="resolutions")
    patch_size: tuple[Count, Count, Count] | None = Field(
        None, description="voxels of the input, [slices, rows, columns]"
    )
    memory_gb: Positive = Field(8.0, description="the planner shrinks the patch until training fits in it")
    deep_supervision: bool = Field(True, description="train the logits of every resolution")
    dropout: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.2, description="of the networks whose papers have it"
    )
    slices: Annotated[int, Field(ge=2, le=64)] = Field(12, description="s, of the recurrent networks")
    recurrent: Recurrent = Field(default_factory=Recurrent)
    attention: Attention = Field(default_factory=Attention)
    unified: Unified = Field(default_factory=Unified)
    densenet: DenseNet = Field(default_factory=DenseNet)
    rule: Rule = Field(default_factory=Rule)
    settings: Annotated[Any, SettingsOf("name", _model_settings)] = Field(
        {}, description="own settings of a network of an installed package"
    )
