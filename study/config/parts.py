"""Parts by kind and name: ours in one table, and those of installed packages through entry points.

A part is what a setting chooses by its name: a fading schedule, a loss, a reader. One of ours is one file and one line
in `PARTS`. A package of your own adds a part with an entry point in its `pyproject.toml`::

    [project.entry-points."fadeout.schedules"]
    quadratic = "mypackage.schedules:QUADRATIC"

where `QUADRATIC` is what the kind asks for, or, with settings of its own, a `Part`. `schedule.shape=quadratic` then
chooses it. `study.testing.parts` tests what each kind asks for.

=============  =======================================  ==============================================================
kind           chosen by                                called with, and what it gives
=============  =======================================  ==============================================================
readers        cohort.sources                           (cohort) → entries
channels       imaging.channels                         see study.imaging.channels.channel.Channel
augmentations  trainer.augmentation                     (patch, present, rng) → (image, target)
schedules      schedule.shape                           (schedule, position in [0, 1]) → g in [0, 1]
policies       modality_dropout.policy                  (candidates, most, modality_dropout, rng) → bool [candidates]
losses         trainer.loss                             (margin, truth, trainer) → scalar, the mean over samples
criteria       trainer.criterion                        (ingredients) → recipe (study.training)
optimizers     trainer.optimizer                        (parameters, trainer) → torch optimizer
decays         trainer.decay                            (trainer, position) → share of the learning rate
steps          postprocessing.steps                     see study.evaluation.steps.PostprocessingStep
metrics        evaluation.metrics                       (reference, prediction, spacing_mm) → float
samplers       tuning.sampler                           (tuning, seed) → Optuna sampler
schedulers     tuning.scheduler                         (rungs, tuning) → stopping rule, None to stop no trial
trackers       tracking.tracker                         (config, folder) → tracker of a study
=============  =======================================  ==============================================================

Networks are parts, too; `models.MODELS` lists them, as `models` imports nothing from here.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint
from typing import Any

from models import entry_points_of
from study.config.nearest import did_you_mean

__all__ = [
    "PARTS",
    "Part",
    "check_part",
    "find_part",
    "must_be_one_of",
    "part_names",
    "part_package",
    "part_settings",
]

PARTS: Mapping[str, Mapping[str, str]] = {
    "readers": {
        "phantom": "study.cohort.phantoms:list_phantoms",
        "isles2022": "study.cohort.isles2022:list_isles2022",
        "brats2018": "study.cohort.brats2018:list_brats2018",
        "brats2023": "study.cohort.brats2023:list_brats2023",
        "isbi2015": "study.cohort.isbi2015:list_isbi2015",
        "umcl": "study.cohort.umcl:list_umcl",
        "jhu": "study.cohort.jhu:list_jhu",
        "nnunet": "study.cohort.nnunet:list_nnunet",
        "bids": "study.cohort.bids:list_bids",
        "manifest": "study.cohort.manifest:list_manifest",
    },
    "channels": {
        "local_contrast": "study.imaging.channels.local_contrast:LOCAL_CONTRAST",
        "exponential_adc": "study.imaging.channels.exponential_adc:EXPONENTIAL_ADC",
        "left_right": "study.imaging.channels.left_right:LEFT_RIGHT",
    },
    "augmentations": {
        "nnunet": "study.imaging.augment:augment",
        "rotate90": "study.imaging.light_augment:rotate90",
        "flip_noise": "study.imaging.light_augment:flip_noise",
        "none": "study.imaging.light_augment:unchanged",
    },
    "schedules": {
        "step": "study.training.fading:step",
        "linear": "study.training.fading:linear",
        "cosine": "study.training.fading:cosine",
        "exponential": "study.training.fading:exponential",
        "polynomial": "study.training.fading:polynomial",
        "sigmoid": "study.training.fading:sigmoid",
        "abrupt": "study.training.fading:abrupt",
        "none": "study.training.fading:none",
        "free": "study.training.fading:free",
    },
    "policies": {
        "bernoulli": "study.training.dropout:bernoulli",
        "uniform_subset": "study.training.dropout:uniform_subset",
        "truncated_geometric": "study.training.dropout:truncated_geometric",
    },
    "losses": {
        "dice_ce": "study.training.losses:cross_entropy_minus_dice",
        "dice": "study.training.losses:dice",
        "ce": "study.training.losses:cross_entropy",
        "focal": "study.training.losses:focal",
    },
    "criteria": {
        "supervised": "study.training.supervised:supervised",
        "paired": "study.training.pairs:paired",
        "unified": "study.training.unified:unified",
    },
    "optimizers": {
        "sgd": "study.training.rates:sgd",
        "adam": "study.training.rates:adam",
        "adamw": "study.training.rates:adamw",
    },
    "decays": {
        "poly": "study.training.rates:poly",
        "linear": "study.training.rates:linear",
        "step": "study.training.rates:step",
        "none": "study.training.rates:none",
    },
    "steps": {
        "threshold": "study.evaluation.steps.threshold:STEP",
        "remove_small": "study.evaluation.steps.remove_small:STEP",
        "keep_biggest": "study.evaluation.steps.keep_biggest:STEP",
        "near_lesion": "study.evaluation.steps.near_lesion:STEP",
        "grow": "study.evaluation.steps.grow:STEP",
        "fill_holes": "study.evaluation.steps.fill_holes:STEP",
        "intensity": "study.evaluation.steps.intensity:STEP",
        "seeds": "study.evaluation.steps.seeds:STEP",
    },
    "metrics": {},
    "samplers": {
        "tpe": "study.tuning.samplers:tpe",
        "nsga2": "study.tuning.samplers:nsga2",
        "random": "study.tuning.samplers:random",
    },
    "schedulers": {
        "asha": "study.tuning.stopping:asha",
        "hyperband": "study.tuning.stopping:hyperband",
        "median": "study.tuning.stopping:median",
        "none": "study.tuning.stopping:never",
    },
    "trackers": {
        "mlflow": "study.tracking.tracker:MlflowTracker",
    },
}
"""Kind to name to where the part is: `module:attribute`."""


@dataclass(frozen=True)
class Part:
    """A part of an installed package that has settings of its own.

    Attributes:
        target: the part itself, as its kind asks for.
        settings: a pydantic model or a dataclass. The section that chooses the part validates and holds them.
    """

    target: Any
    settings: type | None = None


def part_names(kind: str) -> tuple[str, ...]:
    """The names of all parts of a kind, sorted; nothing is imported."""
    return tuple(_places(kind, tuple(sys.path)))


def find_part(kind: str, name: str) -> Any:
    """The part that a name stands for; imported on the first call.

    Raises:
        ValueError: there is no such part, two packages have one of this name, or its package cannot be imported.
    """
    return _load(kind, name, tuple(sys.path)).target


def part_settings(kind: str, name: str) -> type | None:
    """The type of a part's own settings; None for ours, whose settings are fields of the section that chooses them.

    Raises:
        ValueError: as in `find_part`.
    """
    return None if _is_ours(kind, name) else _load(kind, name, tuple(sys.path)).settings


def check_part(kind: str, name: str) -> None:
    """Raise what `find_part` would raise, without importing a part of ours: some import torch."""
    if not _is_ours(kind, name):
        _load(kind, name, tuple(sys.path))


def part_package(kind: str, name: str) -> tuple[str, str] | None:
    """The installed package that a part comes from, and its version; None for a part of ours."""
    place = _places(kind, tuple(sys.path)).get(name, ("",))[0]
    if isinstance(place, str) or place.dist is None:
        return None
    return place.dist.name, place.dist.version


def must_be_one_of(names: Sequence[str], given: str) -> str:
    """What is wrong with a name that is none of these, with the nearest one."""
    if not names:
        return f"there is none to choose from, as no installed package adds one, got {given!r}"
    return f"must be one of {', '.join(names)}, got {given!r}{did_you_mean(given, names)}"


def _is_ours(kind: str, name: str) -> bool:
    places = _places(kind, tuple(sys.path)).get(name, ())
    return len(places) == 1 and isinstance(places[0], str)


@cache
def _places(kind: str, path: tuple[str, ...]) -> Mapping[str, tuple[str | EntryPoint, ...]]:
    """Where the parts of a kind are, by name; more than one place where packages clash.

    Args:
        kind: key of `PARTS`.
        path: `sys.path`, on which packages are looked for.
    """
    places: dict[str, tuple[str | EntryPoint, ...]] = {name: (place,) for name, place in PARTS[kind].items()}
    for point in entry_points_of(f"fadeout.{kind}"):
        places[point.name] = (*places.get(point.name, ()), point)
    return dict(sorted(places.items()))


@cache
def _load(kind: str, name: str, path: tuple[str, ...]) -> Part:
    places = _places(kind, path).get(name, ())
    if not places:
        raise ValueError(must_be_one_of(part_names(kind), name))
    if len(places) > 1:
        owners = [_package(place) for place in places]
        raise ValueError(
            f"{' and '.join(owners)} both have '{name}' among fadeout.{kind}; rename one, or uninstall {owners[-1]}"
        )
    [place] = places
    found = _load_ours(place) if isinstance(place, str) else _load_installed(place)
    return found if isinstance(found, Part) else Part(found)


def _load_ours(place: str) -> Any:
    module, _, attribute = place.partition(":")
    return getattr(import_module(module), attribute)


def _load_installed(point: EntryPoint) -> Any:
    try:
        return point.load()
    except Exception as error:  # any line of another package's module may fail
        raise ValueError(
            f"'{point.name}' of package {_package(point)} ({point.group} = {point.value}) cannot be imported: "
            f"{type(error).__name__}: {error}; mend or reinstall the package"
        ) from error


def _package(place: str | EntryPoint) -> str:
    if isinstance(place, str):
        return "fadeout"
    return place.dist.name if place.dist is not None else place.value
