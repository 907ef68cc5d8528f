"""The contracts of schedules, drop policies, losses, augmentations, channels, readers, samplers and stopping rules.

Each check takes the part's name, ours or that of an installed package, and settings of the section that chooses it::

    from study.testing.parts import check_schedule


    def test_quadratic_keeps_the_contract() -> None:
        check_schedule("quadratic", {"settings": {"rate": 3.0}})

Steps, metrics and networks have files of their own beside this one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from study.cohort.records import Entry, Listing
from study.config import CohortConfig, ModalityDropout, Schedule, Trainer, Tuning
from study.config.parts import find_part
from study.imaging.channels.channel import Channel, Sources
from study.testing.patches import brain_of, patch_of
from study.training.dropout import sample_dropout
from study.training.fading import fade

__all__ = [
    "check_augmentation",
    "check_channel",
    "check_loss",
    "check_policy",
    "check_reader",
    "check_sampler",
    "check_schedule",
    "check_scheduler",
]

Settings = Mapping[str, Any]
DRAWS = 200
MODALITIES = 4
PATCH = (4, 12, 10)  # [D, H, W]
MIRRORED = (
    0.05  # of the deviation in the brain: how far the channel of a mirrored brain may be off, on average
)


def check_schedule(name: str, settings: Settings | None = None) -> None:
    """g is a number in [0, 1] at every moment, from the first to the last, never rises, and is the same again.

    Args:
        name: `schedule.shape`.
        settings: of the section `schedule`.

    Raises:
        AssertionError: the schedule does not keep the contract; says how.
    """
    schedule = Schedule.model_validate({**(settings or {}), "shape": name})
    moments = np.linspace(0, 1, 101).tolist()
    values = [fade(schedule, moment) for moment in moments]
    for moment, value in zip(moments, values, strict=True):
        assert isinstance(value, float), f"{name}: g must be a float, got {value!r} at {moment}"
        assert 0 <= value <= 1, f"{name}: g must be in [0, 1], got {value} at {moment}"
    rises = [moment for moment, step in zip(moments[1:], np.diff(values), strict=True) if step > 1e-12]
    assert not rises, f"{name}: g must never rise, it does at {rises[0]}"
    assert values == [fade(schedule, moment) for moment in moments], f"{name}: g must be the same again"


def check_policy(name: str, settings: Settings | None = None) -> None:
    """Draws are bool [candidates] and follow the generator; present droppable modalities are dropped, never too many.

    Args:
        name: `modality_dropout.policy`.
        settings: of the section `modality_dropout`.

    Raises:
        AssertionError: the policy does not keep the contract; says how.
    """
    dropout = ModalityDropout.model_validate({**(settings or {}), "policy": name})
    policy = find_part("policies", name)
    for candidates in range(MODALITIES + 1):
        for most in range(candidates + 1):
            drawn = policy(candidates, most, dropout, np.random.default_rng(0))
            assert drawn.shape == (candidates,), f"{name}: must be [candidates], got shape {drawn.shape}"
            assert drawn.dtype == np.bool_, f"{name}: must be booleans, got {drawn.dtype}"
    for seed in range(DRAWS):
        rng = np.random.default_rng(seed)
        present, droppable = rng.random(MODALITIES) < 0.7, rng.random(MODALITIES) < 0.7
        drops, again = (
            sample_dropout(present, droppable, dropout, 0.0, np.random.default_rng(seed)) for _ in range(2)
        )
        assert np.array_equal(drops.dropped, again.dropped), f"{name}: must draw from the generator alone"
        assert not (drops.dropped & ~(present & droppable)).any(), f"{name}: must drop candidates only"
        kept = int((present & ~drops.dropped).sum())
        fewest = min(dropout.keep_at_least, int(present.sum()))
        assert kept >= fewest, f"{name}: must keep {fewest} modalities, kept {kept}"


def check_loss(name: str, settings: Settings | None = None) -> None:
    """The loss is a finite scalar with finite gradients, also where the network is certain, and a mean over samples.

    Args:
        name: `trainer.loss`.
        settings: of the section `trainer`.

    Raises:
        AssertionError: the loss does not keep the contract; says how.
    """
    trainer = Trainer.model_validate({**(settings or {}), "loss": name})
    loss = find_part("losses", name)
    generator = torch.Generator().manual_seed(0)
    margin = torch.randn(3, *PATCH, generator=generator)
    truth = (torch.rand(3, *PATCH, generator=generator) < 0.2).float()
    truth[2] = 0
    for scale in (1.0, 100.0):
        scaled = (margin * scale).requires_grad_()
        value = loss(scaled, truth, trainer)
        assert value.shape == (), f"{name}: must be a scalar, got shape {tuple(value.shape)}"
        assert torch.isfinite(value), f"{name}: must be finite, got {value.item()} for margins of {scale:.0f}"
        (gradient,) = torch.autograd.grad(value, scaled)
        assert torch.isfinite(gradient).all(), f"{name}: gradients must be finite for margins of {scale:.0f}"
    singles = torch.stack([loss(margin[i : i + 1], truth[i : i + 1], trainer) for i in range(3)])
    whole = loss(margin, truth, trainer)
    assert torch.allclose(whole, singles.mean(), rtol=1e-4, atol=1e-6), (
        f"{name}: must be the mean over samples {singles.mean().item():.6g}, got {whole.item():.6g}"
    )


def check_augmentation(name: str) -> None:
    """Shapes and types stay, the target stays binary, absent modalities stay 0, and only the generator is drawn from.

    Args:
        name: `trainer.augmentation`.

    Raises:
        AssertionError: the augmentation does not keep the contract; says how.
    """
    augment = find_part("augmentations", name)
    present = np.array([True, False, True])
    for seed in range(30):
        rng = np.random.default_rng(seed)
        image = rng.normal(size=(3, *PATCH)).astype(np.float32)
        image[~present] = 0
        target = (rng.random(PATCH) < 0.2).astype(np.uint8)
        given = image.copy(), target.copy()
        patch = patch_of(*given)
        changed, moved = augment(patch, present, np.random.default_rng(seed))
        assert np.array_equal(given[0], image), f"{name}: must leave the image that it is given"
        assert np.array_equal(given[1], target), f"{name}: must leave the target that it is given"
        assert changed.shape == image.shape, f"{name}: must keep the shape of the image, got {changed.shape}"
        assert changed.dtype == np.float32, f"{name}: must give float32, got {changed.dtype}"
        assert moved.shape == target.shape, f"{name}: must keep the shape of the target, got {moved.shape}"
        assert set(np.unique(moved)) <= {0, 1}, f"{name}: must keep the target binary"
        assert np.isfinite(changed).all(), f"{name}: must give finite values"
        assert not changed[~present].any(), f"{name}: must leave absent modalities 0"
        again, _ = augment(patch, present, np.random.default_rng(seed))
        assert np.array_equal(changed, again), f"{name}: must draw from the generator alone"


def check_channel(name: str) -> None:
    """Values are finite, the same again, of the brain alone, and mirrored where the brain is mirrored.

    Args:
        name: of `imaging.channels`.

    Raises:
        AssertionError: the channel does not keep the contract; says how.
    """
    channel = find_part("channels", name)
    assert isinstance(channel, Channel), f"{name}: must be a Channel, got {type(channel).__name__}"
    for way in channel.ways:
        assert way.sources, f"{name}: must be computed from a modality"
        given = brain_of(way.sources)
        inside = given.inside
        values = way.compute(given)
        assert values.shape == inside.shape, f"{name}: must have the shape of its sources, got {values.shape}"
        assert values.dtype == np.float32, f"{name}: must give float32, got {values.dtype}"
        assert np.isfinite(values[inside]).all(), f"{name}: must give finite values"
        again = way.compute(brain_of(way.sources))
        assert np.array_equal(values, again), f"{name}: must give the same values again"
        other = {
            source: np.where(inside, image, 9).astype(np.float32) for source, image in given.images.items()
        }
        beyond = way.compute(Sources(other, inside, given.spacing_mm, given.b_s_mm2))
        assert np.array_equal(values[inside], beyond[inside]), (
            f"{name}: must not read voxels beyond the brain"
        )
        for axis in range(3):
            flipped = {source: np.flip(image, axis) for source, image in given.images.items()}
            moved = way.compute(Sources(flipped, np.flip(inside, axis), given.spacing_mm, given.b_s_mm2))
            off = float(np.abs(np.flip(moved, axis)[inside] - values[inside]).mean() / values[inside].std())
            assert off <= MIRRORED, f"{name}: must be mirrored with the brain, off by {off:.2g} deviations"


def check_reader(name: str, settings: Settings | None = None) -> None:
    """At least one entry is listed, each with id, patient, center and files that exist, and the same ones again.

    Args:
        name: of `cohort.sources`.
        settings: of the section `cohort`, such as the folder of a small data set.

    Raises:
        AssertionError: the reader does not keep the contract; says how.
    """
    cohort = CohortConfig.model_validate({**(settings or {}), "sources": [name]})
    reader = find_part("readers", name)
    listing = reader(cohort)
    assert isinstance(listing, Listing), f"{name}: must give a Listing, got {type(listing).__name__}"
    entries = listing.entries
    assert entries, f"{name}: must list at least one entry"
    for entry in entries:
        assert isinstance(entry, Entry), f"{name}: must list entries, got {type(entry).__name__}"
        for attribute in ("id", "patient", "center"):
            assert getattr(entry, attribute), f"{name}: entry {entry.id!r} has no {attribute}"
        for file in (*entry.images.values(), *entry.masks.values()):
            assert file.exists(), f"{name}: entry {entry.id!r} lists {file}, which does not exist"
    ids = [(entry.center, entry.id) for entry in entries]
    assert len(set(ids)) == len(ids), f"{name}: each id must be listed once for its center"
    assert listing == reader(cohort), f"{name}: must list the same entries again"


def check_sampler(name: str, settings: Settings | None = None) -> None:
    """What is proposed depends on the seed alone, so that a resumed study draws as one that was not interrupted.

    Args:
        name: `tuning.sampler`.
        settings: of the section `tuning`.

    Raises:
        AssertionError: the sampler does not keep the contract; says how.
    """
    import optuna

    tuning = Tuning.model_validate({**(settings or {}), "sampler": name})
    drawn = []
    for _ in range(2):
        sampler = find_part("samplers", name)(tuning, 7)
        assert isinstance(sampler, optuna.samplers.BaseSampler), f"{name}: must be a sampler of Optuna"
        study = optuna.create_study(
            sampler=optuna.samplers.RandomSampler(seed=0), storage=optuna.storages.InMemoryStorage()
        )
        study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=10)
        study.sampler = sampler
        drawn.append(study.ask().suggest_float("x", 0, 1))
    assert drawn[0] == drawn[1], f"{name}: must draw the same with the same seed, got {drawn}"


def check_scheduler(name: str, settings: Settings | None = None) -> None:
    """Decisions are booleans, and the same reports lead to the same decisions, as when a study is resumed.

    Args:
        name: `tuning.scheduler`.
        settings: of the section `tuning`.

    Raises:
        AssertionError: the stopping rule does not keep the contract; says how.
    """
    tuning = Tuning.model_validate({**(settings or {}), "scheduler": name})
    rules = [find_part("schedulers", name)([2, 4], tuning) for _ in range(2)]
    if rules[0] is None:
        return
    rng = np.random.default_rng(0)
    for number in range(20):
        for epoch in range(1, 7):
            value = float(rng.random())
            decisions = [rule.judge(number, epoch, value) for rule in rules]
            assert all(isinstance(decision, bool) for decision in decisions), (
                f"{name}: must say True or False"
            )
            assert decisions[0] == decisions[1], f"{name}: the same reports must lead to the same decision"
