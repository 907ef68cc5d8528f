"""Section `trainer`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from study.config.known import known
from study.config.own_settings import SettingsByName
from study.config.section import Count, Fraction, NotNegative, Positive, Section

_CHOOSERS = (
    ("optimizer", "optimizers"),
    ("decay", "decays"),
    ("loss", "losses"),
    ("criterion", "criteria"),
    ("augmentation", "augmentations"),
)


class Trainer(Section):
    """One training: samples, optimiser, loss, augmentation, and what it runs on."""

    epochs: Count = Field(1000, description="of iterations_per_epoch batches each")
    iterations_per_epoch: Count = Field(250, description="batches, each one step of the optimiser")
    batch_size: Count = Field(2, description="per worker")
    micro_batches: Count = Field(
        1,
        description="parts that a batch is trained in, one after the other, to save memory; at most one a sample",
    )
    on_out_of_memory: Literal["advise", "halve"] = Field(
        "advise",
        description="halve: go on with the batch in twice as many parts; advise: say which settings to lower",
    )
    sampling: Literal["patches", "pairs"] = Field(
        "patches",
        description="pairs: of each patient drawn a patch with target and one without; foreground_fraction is not read",
    )
    optimizer: Annotated[str, known("optimizers")] = Field("sgd", description="sgd: with Nesterov momentum")
    learning_rate: Annotated[float, Field(gt=0, le=1)] = Field(1e-2, description="before it decays")
    momentum: Annotated[float, Field(ge=0, lt=1)] = Field(0.99, description="of sgd")
    beta1: Annotated[float, Field(ge=0, lt=1)] = Field(0.9, description="of adam and adamw")
    weight_decay: Annotated[float, Field(ge=0, le=1)] = Field(3e-5, description="of the optimiser")
    decay: Annotated[str, known("decays")] = Field("poly", description="of the learning rate")
    decay_from: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.0, description="fraction of the epochs after which it decays"
    )
    decay_factor: Annotated[float, Field(gt=0, lt=1)] = Field(0.1, description="of decay=step")
    poly_exponent: NotNegative = Field(0.9, description="of decay=poly")
    gradient_clip: Positive = Field(12.0, description="largest norm of the gradient")
    loss: Annotated[str, known("losses")] = Field("dice_ce", description="of the segmentation")
    criterion: Annotated[str, known("criteria")] | None = Field(
        None,
        description="what the training minimises; null: paired with cotraining, distillation or ranking, else what the "
        "network needs",
    )
    focal_gamma: NotNegative = Field(2.0, description="γ, of loss=focal")
    focal_alpha: Fraction = Field(0.25, description="α of the foreground, of loss=focal")
    foreground_fraction: Fraction = Field(
        0.5, description="of the patches that are centred on a target voxel"
    )
    balance_centers: bool = Field(False, description="draw every center equally often, whatever its size")
    augmentation: Annotated[str, known("augmentations")] = Field(
        "nnunet", description="random changes of patches"
    )
    precision: Literal["auto", "fp32", "bf16", "fp16"] = Field(
        "auto", description="auto: what the device does fast"
    )
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="auto: a GPU where there is one")
    workers: Count = Field(1, description="processes that train one network together")
    cpus_per_worker: Count = Field(1, description="CPU cores that are reserved for a worker")
    gpus_per_worker: NotNegative = Field(
        0.0, description="GPUs that are reserved for a worker; 0.25: a share"
    )
    validate_every: Count = Field(50, description="epochs; the last one and the rungs are validated anyway")
    loader_workers: Annotated[int, Field(ge=0, le=64)] = Field(
        0, description="processes that draw patches ahead; 0: in the training process"
    )
    deterministic: bool = Field(False, description="the same numbers in every run; slower")
    settings: Annotated[Any, SettingsByName(_CHOOSERS)] = Field(
        {}, description="own settings of parts of installed packages, by the part's name"
    )
