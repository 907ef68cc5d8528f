"""The whole vocabulary: every setting, its type, its default and its legal range.

The dotted path of a field (`modality_dropout.drop_probability`) is at once its command-line override, its
search-space key, its MLflow parameter and its column in result rows.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    model_validator,
)

from study.errors import ConfigError

DRAWN = {"drawn": True}  # validation context of values that a sampler drew
FEWEST_UNIFIED = 2  # modalities that URN's variance term needs (Lau 2019, section 2.3.2)

Fraction = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]
Blending = Literal["gaussian_logits", "mean_probability"]
LocalPath = Annotated[
    Path, AfterValidator(lambda path: path.expanduser().absolute())
]  # never tracked nor exported


class Section(BaseModel):
    """A frozen part of the configuration that knows all its keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, validate_default=True)


class Study(Section):
    """What is run and where it lies."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    root: LocalPath = Path("studies")
    trials: Count = 12
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    concurrency: Count | None = Field(
        None, description="trials at a time; null: as many as the machine holds"
    )


class Objective(Section):
    """What a trial is judged by: a weighted mean over validation subjects of seen centers, never others."""

    full: Annotated[float, Field(ge=0)] = 0.5
    missing: Annotated[float, Field(ge=0)] = 0.5
    worst_center: Annotated[float, Field(ge=0)] = 0.0
    centers: tuple[str, ...] | None = Field(None, description="seen centers that count; null: all")

    @model_validator(mode="after")
    def _some_weight(self) -> Objective:
        if self.full + self.missing + self.worst_center <= 0:
            raise ValueError("all weights are 0; give full, missing or worst_center a weight")
        return self


class Phantom(Section):
    """The simulated cohort (see study.cohort.phantom)."""

    size: Literal["small", "full"] = "small"
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    centers: tuple[Literal["CHSF", "MATAR", "MATAR2", "ISLES", "JHU", "FOCH"], ...] = (
        "CHSF",
        "MATAR",
        "MATAR2",
        "ISLES",
        "JHU",
        "FOCH",
    )
    subjects_per_center: Count | None = Field(None, description="null: the size's own numbers")
    randomisation: Fraction = Field(
        0.0,
        description="how far acquisition and tissue parameters stray beyond the centers' own; 0: not at all",
    )
    root: LocalPath | None = Field(None, description="where they are written; null: <study.root>/phantoms")


class Isles2022(Section):
    """The ISLES 2022 data set on disk, either layout."""

    root: LocalPath | None = None
    center: str = "ISLES2022"


class NnunetRaw(Section):
    """A data set in nnU-Net's raw format; all of it belongs to one center."""

    root: LocalPath | None = None
    center: str = "nnunet"


class Bids(Section):
    """A BIDS-like folder; centers come from its participants.tsv."""

    root: LocalPath | None = None


class SplitsConfig(Section):
    """Who trains, validates and tests: by patient, stratified by center, seeded."""

    kind: Literal["fractions", "folds", "fixed"] = "fractions"
    validation: Annotated[float, Field(gt=0, lt=1)] = 0.2
    test: Annotated[float, Field(ge=0, lt=1)] = 0.2
    folds: Annotated[int, Field(ge=2)] = 5
    fold: Annotated[int, Field(ge=0)] = 0
    path: LocalPath | None = Field(
        None, description="for kind=fixed: JSON with lists train, validation, test of subject ids"
    )
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0

    @model_validator(mode="after")
    def _consistent(self) -> SplitsConfig:
        if self.kind == "fractions" and self.validation + self.test >= 1:
            raise ValueError("validation + test must leave something to train on (below 1)")
        if self.kind == "folds" and self.fold >= self.folds:
            raise ValueError(f"fold must be below folds={self.folds}, got {self.fold}")
        if self.kind == "fixed" and self.path is None:
            raise ValueError("kind=fixed needs splits.path")
        return self


Source = Literal["phantom", "isles2022", "nnunet", "bids", "manifest"]


class CohortConfig(Section):
    """Whose scans, which modalities in which order, what is segmented, who may be learnt from."""

    sources: Annotated[tuple[Source, ...], Field(min_length=1)] = ("phantom",)
    path: LocalPath | None = Field(None, description="for source manifest: the CSV or JSON file")
    phantom: Phantom = Phantom()
    isles2022: Isles2022 = Isles2022()
    nnunet: NnunetRaw = NnunetRaw()
    bids: Bids = Bids()
    modalities: Annotated[tuple[str, ...], Field(min_length=1)] = ("DWI", "ADC", "B0")
    modality_aliases: dict[str, tuple[str, ...]] = Field(
        {},
        description="sequences that may stand in for an absent modality, the preferred first: {SWAN: [SWI]}",
    )
    target: Literal["lesion", "thrombus"] = "lesion"
    seen: tuple[str, ...] | None = Field(
        None, description="centers to learn from; null: all that are not unseen"
    )
    unseen: tuple[str, ...] = ("ISLES",)
    splits: SplitsConfig = SplitsConfig()
    controls: Literal["include", "separate", "exclude"] = Field(
        "separate",
        description="control scans: used like any other; evaluated apart, of patients who are not learnt from; "
        "or not at all",
    )
    on_error: Literal["stop", "skip"] = "stop"

    @model_validator(mode="after")
    def _consistent(self) -> CohortConfig:
        both = sorted(set(self.seen or ()) & set(self.unseen))
        if both:
            raise ValueError(
                f"center {', '.join(both)} is both seen and unseen; remove it from one of the lists"
            )
        if len(set(self.modalities)) < len(self.modalities):
            raise ValueError(f"a modality is listed twice: {', '.join(self.modalities)}")
        self._check_aliases()
        if "manifest" in self.sources and self.path is None:
            raise ValueError("source manifest needs cohort.path=<file.csv or file.json>")
        for source in ("isles2022", "nnunet", "bids"):
            if source in self.sources and getattr(self, source).root is None:
                raise ValueError(f"source {source} needs cohort.{source}.root=<folder>")
        return self

    def _check_aliases(self) -> None:
        """Whoever stands in for a modality must be known by one meaning; case is ignored, as in file names."""
        names = {name.casefold() for name in self.modalities}
        places: dict[str, str] = {}
        for modality, others in self.modality_aliases.items():
            if modality not in self.modalities:
                raise ValueError(
                    f"modality_aliases: {modality} is not among the modalities ({', '.join(self.modalities)}); "
                    "write {MODALITY: [what may stand in for it]}"
                )
            for other in others:
                if other.casefold() in names:
                    raise ValueError(
                        f"modality_aliases: {other} is one of the modalities itself and cannot stand in for "
                        f"{modality}; remove it"
                    )
                if (first := places.setdefault(other.casefold(), modality)) != modality:
                    raise ValueError(
                        f"modality_aliases: {other} stands in for both {first} and {modality}; keep one of them"
                    )

    @property
    def sequences(self) -> tuple[str, ...]:
        """Names that files are recognised by: the modalities, and what may stand in for them."""
        return (*self.modalities, *(other for others in self.modality_aliases.values() for other in others))


class Imaging(Section):
    """From files to arrays that all trials share."""

    spacing_mm: tuple[Positive, Positive, Positive] | None = Field(
        None, description="[slices, rows, columns]; null: planned from the training subjects as nnU-Net does"
    )
    reference: str | None = Field(
        None,
        description="modality whose grid is predicted on; null: the first of cohort.modalities that is present",
    )
    registration: Literal["headers", "rigid"] = Field(
        "headers",
        description="where diffusion images lie: as their headers say, or registered to the reference (needs antspyx)",
    )
    normalisation: Literal["zscore", "nyul"] = "zscore"
    crop_margin_mm: Annotated[float, Field(ge=0)] = 4.0
    in_plane_crop: tuple[Count, Count] | None = Field(
        None,
        description="rows and columns, in voxels, around the brain's centre of mass; null: the box around the brain",
    )
    own_slices: tuple[str, ...] = Field(
        (),
        description="modalities that recurrent networks see in slices of their own spacing, around the same position",
    )
    cache: LocalPath | None = Field(None, description="null: <study.root>/cache")


class Lesion(Section):
    """Where the lesion comes from that a thrombus is near; only read with cohort.target=thrombus."""

    source: Literal["none", "file", "model"] = Field(
        "file", description="file: the subject's lesion mask, where it has one; model: predicted"
    )
    path: LocalPath | None = Field(
        None, description="for source=model: folder of a study of lesions, or a bundle"
    )


class ModalityDropout(Section):
    """Which modalities are faded out in training, how often, and by which rule (see METHODS in docs)."""

    policy: Literal["bernoulli", "uniform_subset", "truncated_geometric"] = "bernoulli"
    droppable: tuple[str, ...] = ("B0",)
    drop_probability: Fraction = Field(0.5, description="q: the papers' tables list it as 1-p")
    draw: Literal["per_modality", "jointly"] = "per_modality"
    noise_std: Annotated[float, Field(ge=0, le=0.5)] = 0.01
    theta: Annotated[float, Field(gt=0, lt=1)] = 0.5
    keep_at_least: Count = 1


class Schedule(Section):
    """g(t): what is left of a dropped modality at each moment of the training (Vargas-Ibarra 2025, eq. 2)."""

    shape: Literal[
        "step", "linear", "cosine", "exponential", "polynomial", "sigmoid", "abrupt", "none", "free"
    ] = "step"
    start: Fraction = 0.75
    end: Fraction = 0.0
    hold: Fraction = 0.0
    finish: Fraction = 1.0
    steps: Annotated[int, Field(ge=2, le=100)] = 4
    exponent: Annotated[float, Field(gt=0, le=20)] = 2.0
    steepness: Annotated[float, Field(gt=0, le=100)] = 10.0
    drops: Annotated[tuple[Annotated[float, Field(ge=0)], ...], Field(min_length=1)] = (1.0, 1.0, 1.0)
    clock: Literal["trial", "rung"] = "trial"

    @model_validator(mode="after")
    def _consistent(self) -> Schedule:
        if self.end > self.start:
            raise ValueError(f"end must not be above start={self.start}, got {self.end}")
        if self.hold >= self.finish:
            raise ValueError(f"hold must be below finish={self.finish}, got {self.hold}")
        if self.shape == "free" and math.fsum(self.drops) <= 0:
            raise ValueError("drops must not all be 0 with shape=free")
        return self


class Recurrent(Section):
    """The recurrent part of the thrombus networks (Vargas-Ibarra 2024, section 2.2.2)."""

    kind: Literal["llstm", "clstm"] = "llstm"
    conv_channels: Count = Field(4, description="n_c; of clstm: all its channels")
    logic_scales: Annotated[int, Field(ge=1, le=12)] | None = Field(
        None, description="k, window sizes of the pooling; null: 8, or as many as a small crop allows"
    )
    multiplicity: Count = Field(3, description="m, channels per window size; n_l = k m")
    kernel_size: Literal[1, 3, 5, 7] = Field(3, description="w; the papers do not say")
    second_pass: Literal["forward", "reverse", "none"] = "forward"
    recompute: bool = Field(True, description="keep less memory in training, compute a part twice")


class Attention(Section):
    """The cross-attention of the thrombus networks (Vargas-Ibarra 2024, section 2.2.1)."""

    dwi: str = Field("DWI", description="the modality that guides")
    susceptibility: Annotated[tuple[str, ...], Field(min_length=1)] = Field(
        ("SWAN", "PHASE"), description="the modalities that are segmented on"
    )
    patch_dwi: Count = 32
    patch_swan: Count = 4
    channels: Count = Field(32, description="d")
    second_skip: Literal["susceptibility", "attended"] = "susceptibility"


class Unified(Section):
    """The unified representation network (Lau 2019)."""

    fusion: Literal["mean", "log_mean_exp"] = "mean"
    channels: Count = Field(16, description="of the representation")
    decoder_channels: Count = 32
    variance_weight: Annotated[float, Field(ge=0)] = 1e-4
    synthesis_weight: Annotated[float, Field(ge=0)] = Field(
        1.0, description="of the synthesis beside the segmentation in end-to-end training"
    )
    pretraining_epochs: Annotated[int, Field(ge=0)] = Field(
        0, description="epochs of synthesis alone, after which encoders are frozen; 0: end to end"
    )
    pretraining_rate: Annotated[float, Field(gt=0, le=1)] = 3e-5
    pretraining_theta: Annotated[float, Field(gt=0, lt=1)] = 0.8


class DenseNet(Section):
    """The 2.5D fully convolutional DenseNet (Liu 2022; Jégou 2017)."""

    first_channels: Count = 48
    growth: Count = 12
    layers: Count = Field(4, description="of each dense block")
    blocks: Annotated[int, Field(ge=1, le=7)] = Field(5, description="on the way down, and on the way up")
    slices: Literal[1, 3, 5, 7] = Field(3, description="neighbouring slices of each modality, as channels")


def _known_model(name: str) -> str:
    from models import MODELS

    if name not in MODELS:
        raise ValueError(f"no such network; there are {', '.join(sorted(MODELS))}")
    return name


class Model(Section):
    """The network. What is null is planned from the training subjects."""

    name: Annotated[str, AfterValidator(_known_model)] = "nnunet"
    inputs: str | None = Field(
        None,
        description="modalities the network is built for, such as DWI+ADC: one model of technique=independent; "
        "null: all",
    )
    base_channels: Count = 32
    max_channels: Count = 320
    stages: Annotated[int, Field(ge=2, le=8)] | None = None
    patch_size: tuple[Count, Count, Count] | None = None
    memory_gb: Positive = Field(8.0, description="the planner shrinks the patch until training fits in it")
    deep_supervision: bool = True
    dropout: Annotated[float, Field(ge=0, lt=1)] = Field(0.2, description="of multiunet and tiramisu")
    slices: Annotated[int, Field(ge=2, le=64)] = Field(12, description="s, of the recurrent networks")
    recurrent: Recurrent = Recurrent()
    attention: Attention = Attention()
    unified: Unified = Unified()
    densenet: DenseNet = DenseNet()


class Head(Section):
    """ModDrop+'s dynamic head before the first convolution (Liu 2022, section 2.2)."""

    kind: Literal["none", "dynamic"] = "none"
    code: Literal["binary", "gradual"] = Field(
        "binary", description="what a fading modality counts as: 1 until it is gone, or its g(t)"
    )
    init: Literal["identity", "paper"] = "identity"


class Cotraining(Section):
    """ModDrop++'s intra-subject co-training (Liu 2022, section 2.3)."""

    enabled: bool = False
    full_weight: Annotated[float, Field(ge=0)] = Field(1.0, description="α")
    reduced_weight: Annotated[float, Field(ge=0)] = Field(1.0, description="β")
    similarity_weight: Annotated[float, Field(ge=0)] = Field(
        0.05, description="γ; 0.02 in the published code"
    )


class Transfer(Section):
    """Start from the weights of a finished study or of a bundle (Vargas-Ibarra, Table 7)."""

    source: LocalPath | None = Field(None, description="folder of a study, or a bundle; null: start anew")
    trial: Annotated[int, Field(ge=0)] | None = Field(None, description="of a study; null: its winner")


class Trainer(Section):
    """One training."""

    epochs: Count = 1000
    iterations_per_epoch: Count = 250
    batch_size: Count = Field(2, description="per worker")
    sampling: Literal["patches", "pairs"] = Field(
        "patches",
        description="pairs: of each patient drawn a patch with target and one without; foreground_fraction is not read",
    )
    optimizer: Literal["sgd", "adam", "adamw"] = "sgd"
    learning_rate: Annotated[float, Field(gt=0, le=1)] = 1e-2
    momentum: Annotated[float, Field(ge=0, lt=1)] = Field(0.99, description="of sgd")
    beta1: Annotated[float, Field(ge=0, lt=1)] = Field(0.9, description="of adam and adamw")
    weight_decay: Annotated[float, Field(ge=0, le=1)] = 3e-5
    decay: Literal["poly", "linear", "step", "none"] = Field("poly", description="of the learning rate")
    decay_from: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.0, description="fraction of the epochs after which it decays"
    )
    decay_factor: Annotated[float, Field(gt=0, lt=1)] = Field(0.1, description="of decay=step")
    poly_exponent: Annotated[float, Field(ge=0)] = 0.9
    gradient_clip: Positive = 12.0
    loss: Literal["dice_ce", "dice", "ce", "focal"] = "dice_ce"
    focal_gamma: Annotated[float, Field(ge=0)] = 2.0
    focal_alpha: Fraction = 0.25
    foreground_fraction: Fraction = 0.5
    balance_centers: bool = Field(False, description="draw every center equally often, whatever its size")
    augmentation: Literal["nnunet", "rotate90", "flip_noise", "none"] = "nnunet"
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    device: Literal["auto", "cpu", "cuda"] = "auto"
    workers: Count = 1
    cpus_per_worker: Count = 1
    gpus_per_worker: Annotated[float, Field(ge=0)] = 0.0
    validate_every: Count = Field(50, description="epochs; the last one and the rungs are validated anyway")
    loader_workers: Annotated[int, Field(ge=0, le=64)] = Field(
        0, description="processes that draw patches ahead; 0: in the training process"
    )
    deterministic: bool = False


class RemoveSmall(Section):
    """Components below either minimum are removed."""

    voxels: Annotated[int, Field(ge=0)] = 0
    ml: Annotated[float, Field(ge=0, le=1000)] = 0.0


class KeepBiggest(Section):
    """Components considerably smaller than the largest are removed."""

    ratio: Fraction = Field(0.5, description="to the largest; 1: only the largest, and all as large as it")


class NearLesion(Section):
    """Components much farther from the lesion than the closest one are removed."""

    voxels: Annotated[float, Field(ge=0)] | None = Field(
        20.0, description="N (Vargas-Ibarra 2024); null: no limit in voxels"
    )
    mm: Annotated[float, Field(ge=0)] | None = Field(None, description="null: no limit in mm")

    @property
    def without_limit(self) -> bool:
        """Nothing would be removed."""
        return self.voxels is None and self.mm is None


class Grow(Section):
    """Voxels connected to what is kept are added."""

    threshold: Annotated[float, Field(gt=0, lt=1)] = 0.3


Step = Literal["threshold", "remove_small", "keep_biggest", "near_lesion", "grow", "fill_holes"]


class Postprocessing(Section):
    """From probabilities to a mask (study.evaluation.postprocessing). Searched on kept probabilities, without training.

    Settings that contradict each other are refused where a user gives them. A sampler draws each value on its own: what
    it draws is mended here, and nowhere else (see `drawn`).
    """

    steps: tuple[Step, ...] = Field(
        ("threshold", "remove_small"), description="in this order; threshold first, each at most once"
    )
    threshold: Annotated[float, Field(gt=0, lt=1)] = 0.5
    remove_small: RemoveSmall = RemoveSmall()
    keep_biggest: KeepBiggest = KeepBiggest()
    near_lesion: NearLesion = NearLesion()
    grow: Grow = Grow()

    @model_validator(mode="after")
    def _consistent(self, info: ValidationInfo) -> Postprocessing:
        if self.steps[:1] != ("threshold",):
            raise ValueError(f"steps must begin with threshold, got {', '.join(self.steps) or 'none'}")
        if twice := sorted({step for step in self.steps if self.steps.count(step) > 1}):
            raise ValueError(f"steps must list each step at most once, got {', '.join(twice)} twice")
        if info.context is DRAWN:
            return self._mended()
        if "grow" in self.steps and self.grow.threshold > self.threshold:
            raise ValueError(
                f"grow.threshold must not be above threshold={self.threshold}, got {self.grow.threshold}"
            )
        if "near_lesion" in self.steps and self.near_lesion.without_limit:
            raise ValueError(
                "near_lesion needs a limit, got voxels=null and mm=null; give one, or leave near_lesion out of steps"
            )
        return self

    def _mended(self) -> Postprocessing:
        """Growing from a lower threshold down to a higher one adds nothing, and no limit removes nothing: say so."""
        changes: dict[str, Any] = {}
        if "grow" in self.steps and self.grow.threshold > self.threshold:
            changes["grow"] = Grow(threshold=self.threshold)
        if self.near_lesion.without_limit:
            changes["steps"] = tuple(step for step in self.steps if step != "near_lesion")
        return self.model_copy(update=changes) if changes else self

    def drawn(self, values: Mapping[str, Any]) -> Postprocessing:
        """A copy with what a sampler drew, by path in this section (`grow.threshold`).

        Where grow is among the steps, its threshold is lowered to `threshold`; near_lesion without a limit is left
        out of the steps.

        Raises:
            ValidationError: a value is illegal on its own.
        """
        return Postprocessing.model_validate(_with_values(self.model_dump(), values), context=DRAWN)


class Evaluation(Section):
    """How a trained network is judged."""

    subsets: Literal["droppable", "all"] = "droppable"
    empty_dice: Literal["nan", "one"] = Field(
        "one", description="Dice where reference and prediction are empty"
    )
    overlap: Annotated[float, Field(ge=0, lt=1)] = 0.5
    blending: Blending = Field("gaussian_logits", description="of overlapping windows")
    windows_per_batch: Count = 4
    postprocessing_trials: Annotated[int, Field(ge=0)] = Field(200, description="0: keep the defaults")
    postprocessing_sampler: Literal["tpe", "nsga2"] = "tpe"
    postprocessing_per_subset: bool = Field(
        False, description="thresholds of their own for subjects that lack a modality"
    )
    bootstrap: Count = 2000


class Tuning(Section):
    """The outer search."""

    sampler: Literal["tpe", "random"] = "tpe"
    startup_trials: Annotated[int, Field(ge=0)] = 5
    scheduler: Literal["asha", "none"] = "asha"
    first_rung: Annotated[float, Field(gt=0, le=1)] = Field(0.34, description="fraction of the epochs")
    reduction_factor: Annotated[float, Field(gt=1)] = 2.0
    storage: str | None = Field(None, description="null: SQLite in the study's folder; or any Optuna URL")
    max_failures: Annotated[int, Field(ge=0)] = Field(2, description="restarts of one trial after a crash")


class Tracking(Section):
    """Where MLflow keeps what is logged."""

    enabled: bool = True
    uri: str | None = Field(None, description="null: SQLite in the study's folder")
    experiment: str = "fadeout"


class Config(Section):
    """Everything."""

    study: Study
    objective: Objective = Objective()
    cohort: CohortConfig = CohortConfig()
    imaging: Imaging = Imaging()
    lesion: Lesion = Lesion()
    modality_dropout: ModalityDropout = ModalityDropout()
    schedule: Schedule = Schedule()
    model: Model = Model()
    head: Head = Head()
    cotraining: Cotraining = Cotraining()
    transfer: Transfer = Transfer()
    trainer: Trainer = Trainer()
    postprocessing: Postprocessing = Postprocessing()
    evaluation: Evaluation = Evaluation()
    tuning: Tuning = Tuning()
    tracking: Tracking = Tracking()
    search_space: dict[str, Any] = {}
    resume: bool = False
    dry_run: bool = False
    debug: bool = False

    @model_validator(mode="after")
    def _consistent(self) -> Config:
        cohort, dropout = self.cohort, self.modality_dropout
        if unknown := sorted(set(dropout.droppable) - set(cohort.modalities)):
            raise ValueError(
                f"modality_dropout.droppable: {', '.join(unknown)} is not among "
                f"cohort.modalities ({', '.join(cohort.modalities)})"
            )
        if dropout.keep_at_least > len(cohort.modalities):
            raise ValueError(
                f"modality_dropout.keep_at_least: must be at most the {len(cohort.modalities)} modalities, "
                f"got {dropout.keep_at_least}"
            )
        if self.imaging.reference is not None and self.imaging.reference not in cohort.modalities:
            raise ValueError(
                f"imaging.reference: {self.imaging.reference} is not among "
                f"cohort.modalities ({', '.join(cohort.modalities)})"
            )
        self._check_own_slices()
        if self.trainer.sampling == "pairs" and self.trainer.batch_size % 2:
            raise ValueError(
                f"trainer.batch_size: must be even with trainer.sampling=pairs, got {self.trainer.batch_size}; "
                "set another one, or trainer.sampling=patches"
            )
        self._check_lesion()
        if self.model.name == "urn":
            self._check_unified()
        if self.model.inputs is not None:
            named = self.model.inputs.split("+")
            if named != [name for name in cohort.modalities if name in named]:
                raise ValueError(
                    f"model.inputs: must be some of {'+'.join(cohort.modalities)}, in this order and joined by +, "
                    f"got {self.model.inputs}"
                )
        if self.objective.centers is not None and (
            leaked := sorted(set(self.objective.centers) & set(cohort.unseen))
        ):
            raise ValueError(
                f"objective.centers: {', '.join(leaked)} is unseen (cohort.unseen); "
                "the objective may read only validation subjects of seen centers"
            )
        return self

    def _check_own_slices(self) -> None:
        own, modalities = self.imaging.own_slices, self.cohort.modalities
        if wrong := [name for name in own if name not in modalities or own.count(name) > 1]:
            raise ValueError(
                f"imaging.own_slices: must name modalities of the cohort, each once ({', '.join(modalities)}), "
                f"got {', '.join(own)}; take out {wrong[0]}"
            )
        if self.imaging.reference in own:
            raise ValueError(
                f"imaging.own_slices: {self.imaging.reference} is imaging.reference, whose slices are predicted "
                "on; take it out, or choose another reference"
            )

    def _check_lesion(self) -> None:
        source, path = self.lesion.source, self.lesion.path
        if source == "model" and self.cohort.target == "lesion":
            raise ValueError(
                "lesion.source: model finds lesions for cohort.target=thrombus, and the target is lesion; "
                "leave lesion.source and lesion.path out"
            )
        if source == "model" and path is None:
            raise ValueError("lesion.path: lesion.source=model needs a study's folder or a bundle")
        if source != "model" and path is not None:
            raise ValueError(
                f"lesion.path: it is read with lesion.source=model only, and that is {source}; "
                "set it, or leave lesion.path out"
            )

    def _check_unified(self) -> None:
        """The unified representation network cannot be trained on one modality."""
        dropout = self.modality_dropout
        if len(self.inputs) < FEWEST_UNIFIED:
            raise ValueError(
                "model.name: urn needs two modalities at least (its variance term compares their encoders), "
                f"got {'+'.join(self.inputs)}; add one, or choose model=unet2d"
            )
        if dropout.droppable and self.model.inputs is None and dropout.keep_at_least < FEWEST_UNIFIED:
            raise ValueError(
                "modality_dropout.keep_at_least: urn cannot train on a subset of one modality (its variance term "
                f"needs two); set it to {FEWEST_UNIFIED}, got {dropout.keep_at_least}"
            )

    @property
    def lesion_source(self) -> Literal["none", "file", "model"]:
        """Where lesions come from; none where they are what is segmented."""
        return self.lesion.source if self.cohort.target == "thrombus" else "none"

    @property
    def used_masks(self) -> tuple[str, ...]:
        """The masks of a subject that are read."""
        return ("brain", self.cohort.target, *(["lesion"] if self.lesion_source == "file" else []))

    @property
    def inputs(self) -> tuple[str, ...]:
        """The modalities that the network is built for, in the cohort's order."""
        return self.cohort.modalities if self.model.inputs is None else tuple(self.model.inputs.split("+"))

    def narrowed(self) -> Config:
        """The configuration of an independent model (`model.inputs`): as if there were only its own modalities."""
        if self.model.inputs is None:
            return self
        reference = self.imaging.reference if self.imaging.reference in self.inputs else None
        return self.with_values(
            {
                "cohort.modalities": self.inputs,
                "cohort.modality_aliases": {
                    name: others
                    for name, others in self.cohort.modality_aliases.items()
                    if name in self.inputs
                },
                "imaging.reference": reference,
                "imaging.own_slices": tuple(name for name in self.imaging.own_slices if name in self.inputs),
                "modality_dropout.droppable": (),
                "modality_dropout.keep_at_least": 1,
                "evaluation.subsets": "droppable",
            }
        )

    @property
    def cache_root(self) -> Path:
        """Where prepared subjects are shared between studies."""
        return self.imaging.cache or self.study.root / "cache"

    @property
    def phantom_root(self) -> Path:
        """Where simulated cohorts are written."""
        return self.cohort.phantom.root or self.study.root / "phantoms"

    def with_values(self, values: Mapping[str, Any], *, drawn: bool = False) -> Config:
        """A copy in which each dotted path has its new value; raises ConfigError like `validate`."""
        if not values:
            return self
        return validate(_with_values(self.model_dump(mode="json"), values), drawn=drawn)


def _with_values(content: dict[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """The content of a section, changed in place: each dotted path has its new value."""
    for path, value in values.items():
        *parents, last = path.split(".")
        section = content
        for name in parents:
            section = section[name]
        section[last] = value
    return content


def validate(content: Mapping[str, Any], *, drawn: bool = False) -> Config:
    """The frozen configuration, or a ConfigError that lists every mistake with its path and the legal values.

    Args:
        content: the settings, nested.
        drawn: a sampler may have drawn some; see `Postprocessing.drawn`.
    """
    try:
        return Config.model_validate(content, context=DRAWN if drawn else None)
    except ValidationError as error:
        raise ConfigError([_describe(detail) for detail in error.errors()]) from None


def legal_keys(path: str = "") -> tuple[str, ...]:
    """The keys of the section at a dotted path ('' is the top), as users may write them."""
    section: type[BaseModel] = Config
    for name in filter(None, path.split(".")):
        field = section.model_fields.get(name)
        if field is None or not (
            isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
        ):
            return ()
        section = field.annotation
    return tuple(section.model_fields)


def _describe(detail: Any) -> str:
    location = [str(part) for part in detail["loc"]]
    path = ".".join(location)
    if detail["type"] == "extra_forbidden":
        parent = ".".join(location[:-1])
        return f"{path}: no such key; {parent or 'the top level'} has {', '.join(legal_keys(parent))}"
    if detail["type"] == "missing":
        return f"{path}: required and not given"
    message = str(detail["msg"]).removeprefix("Value error, ")
    if not path:
        return message
    given = detail["input"]
    shown = "" if isinstance(given, dict) else f", got {given!r}"
    return f"{path}: {message}{shown}"
