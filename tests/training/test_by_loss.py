"""Subsets drawn by their losses: scores and chances by hand, the floor, resuming, loader processes, several ranks."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.multiprocessing as multiprocessing
from test_loop import Net, curve
from training_cases import MemoryStore, course_of, samples_of, short_course, small_subjects

from study.config import Cotraining, Distillation, ModalityDropout, Model, Ranking
from study.errors import TrainingError
from study.machine.runtime import Runtime
from study.training.batches import Batch, batches
from study.training.by_loss import SubsetScores
from study.training.course import Course
from study.training.criteria import training_recipe
from study.training.dropout import Draw
from study.training.epoch import Epoch, ValidationScores
from study.training.loop import Outcome, train
from study.training.ranks import Ranks
from study.training.samples import Samples

MODALITIES = ("DWI", "ADC", "B0")
BY_LOSS = ModalityDropout(
    droppable=("ADC", "B0"), subset_sampling="by_loss", subset_floor=0.1, subset_rate=2.0
)


def told(scores: SubsetScores, samples: list[tuple[str, float]]) -> None:
    """Tell of the losses of one batch; a sample is its dropped modalities, as flags, and its loss."""
    dropped = torch.tensor([[float(flag) for flag in flags] for flags, _ in samples])
    losses = torch.tensor([loss for _, loss in samples])
    image = losses[:, None, None, None, None].expand(-1, 2, 1, 1, 1)
    batch = Batch(image, torch.zeros(len(samples), 1, 1, 1), dropped, dropped, dropped, dropped)
    scores.watching(lambda logits, target: logits.mean())(image, batch)


def test_scores_by_hand() -> None:
    scores = SubsetScores(MODALITIES, BY_LOSS)
    told(scores, [("000", 0.2), ("001", 0.6)])
    scores.keep(2)
    told(scores, [("001", 0.8), ("000", 0.0)])
    scores.keep(2)
    assert scores.end_epoch(Ranks()) == pytest.approx({"nothing": 0.1 - 0.4, "B0": 0.7 - 0.4})
    told(scores, [("000", 0.1), ("011", 0.3)])
    scores.keep(2)
    expected = {"nothing": -0.27 - 0.1, "ADC+B0": 0.1, "B0": 0.27}
    assert scores.end_epoch(Ranks()) == pytest.approx(expected)


def test_attempts_that_ran_out_of_memory_do_not_count() -> None:
    scores = SubsetScores(MODALITIES, BY_LOSS)
    told(scores, [("001", 50.0)])  # of an attempt that then failed
    told(scores, [("001", 0.5)])
    told(scores, [("000", 0.1)])
    scores.keep(2)
    assert scores.end_epoch(Ranks()) == pytest.approx({"B0": 0.2, "nothing": -0.2})


def test_a_criterion_that_tells_nothing_is_named() -> None:
    with pytest.raises(
        TrainingError, match=r"modality_dropout\.subset_sampling: .* must call ingredients\.watch"
    ):
        SubsetScores(MODALITIES, BY_LOSS).end_epoch(Ranks())


def draw_of(flags: str) -> Draw:
    dropped = np.array([flag == "1" for flag in flags])
    return Draw((~dropped).astype(np.float32), dropped)


def shares(scores: SubsetScores, policy: dict[str, float], draws: int = 4000) -> dict[str, float]:
    rng = np.random.default_rng(0)
    names = list(policy)

    def drawn() -> Draw:
        return draw_of(names[int(rng.choice(len(names), p=list(policy.values())))])

    found = Counter(
        "".join("01"[int(flag)] for flag in scores.choose(drawn, rng).dropped) for _ in range(draws)
    )
    return {name: found[name] / draws for name in names}


def test_chances_follow_the_scores_whatever_the_policy() -> None:
    policy = {"000": 0.5, "001": 0.3, "011": 0.2}
    scores = SubsetScores(MODALITIES, BY_LOSS, {"nothing": 0.0, "B0": 0.5, "ADC+B0": 0.25})
    weights = np.array([0.5 * 1.0, 0.3 * np.exp(1.0), 0.2 * np.exp(0.5)])
    expected = 0.1 * np.array(list(policy.values())) + 0.9 * weights / weights.sum()
    assert list(shares(scores, policy).values()) == pytest.approx(expected, abs=0.03)


def test_without_scores_chances_are_the_policys() -> None:
    policy = {"000": 0.5, "001": 0.3, "011": 0.2}
    assert list(shares(SubsetScores(MODALITIES, BY_LOSS), policy).values()) == pytest.approx(
        [0.5, 0.3, 0.2], abs=0.03
    )


def test_the_floor_is_kept_for_subsets_that_lose_next_to_nothing() -> None:
    policy = {"000": 0.6, "001": 0.4}
    scores = SubsetScores(MODALITIES, BY_LOSS, {"nothing": -500.0, "B0": 500.0})
    assert shares(scores, policy)["000"] == pytest.approx(0.1 * 0.6, abs=0.015)


def by_loss_course(**trainer: object) -> Course:
    return replace(short_course(**trainer), dropout=BY_LOSS)


def run(course: Course, store: MemoryStore | None = None, stop_at: int | None = None) -> Outcome:
    torch.manual_seed(0)
    network = Net()
    recipe = training_recipe(course, Model(), network, Cotraining(), Distillation(), Ranking())
    return train(
        network,
        samples_of(course, world=Ranks.current().world),
        store or MemoryStore(),
        recipe.criterion,
        Runtime.choose("cpu", "auto"),
        lambda trained: ValidationScores(0.0, 0.0, 0.0, 0.0),
        lambda epoch: epoch.epoch == stop_at,
        recipe.subsets,
    )


def test_a_training_that_is_resumed_draws_what_an_undisturbed_one_draws() -> None:
    whole, store = run(by_loss_course()), MemoryStore()
    assert run(by_loss_course(), store, stop_at=2).stopped
    assert curve(run(by_loss_course(), store)) == curve(whole)
    assert all(epoch.subset_scores for epoch in whole.history)


def test_scores_survive_the_list_of_epochs() -> None:
    last = run(by_loss_course()).history[-1]
    assert Epoch.from_dict(json.loads(json.dumps(last.to_dict()))) == last


@pytest.mark.parametrize("sampling", ["patches", "pairs"])
def test_processes_that_draw_ahead_change_nothing(sampling: str) -> None:
    scores = SubsetScores(MODALITIES, BY_LOSS, {"nothing": -1.0, "B0": 1.0})
    found = []
    for workers in (0, 1):
        course = by_loss_course(epochs=2, loader_workers=workers, sampling=sampling)
        samples = Samples(course, small_subjects(), (4, 8, 8), 1)
        found.append(list(batches(samples, 0, Ranks(), scores.choose)))
    assert len(found[0]) == 6
    for one, other in zip(*found, strict=True):
        for name in ("image", "factors", "code", "dropped"):
            assert torch.equal(getattr(one, name), getattr(other, name)), name
    again = [samples.drawn_again(number, scores.choose).dropped for number in range(12)]
    assert np.array_equal(np.stack(again), torch.cat([one.dropped for one in found[0]]).numpy())


def test_the_policy_stays_alone_by_default() -> None:
    course = course_of()
    recipe = training_recipe(course, Model(), Net(), Cotraining(), Distillation(), Ranking())
    assert recipe.subsets is None


def _rank(rank: int, root: str) -> None:
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", init_method=f"file://{root}/meet", rank=rank, world_size=2)
    outcome = run(by_loss_course(epochs=5, batch_size=2))
    (Path(root) / f"{rank}.json").write_text(
        json.dumps([dict(epoch.subset_scores) for epoch in outcome.history])
    )
    torch.distributed.barrier()  # the first to leave would break the connections of the other
    torch.distributed.destroy_process_group()


@pytest.mark.slow
def test_all_workers_have_the_scores_of_one_with_the_doubled_batch(tmp_path: Path) -> None:
    multiprocessing.spawn(_rank, args=(str(tmp_path),), nprocs=2)
    first, second = (json.loads((tmp_path / f"{rank}.json").read_text()) for rank in range(2))
    assert first == second
    alone = [epoch.subset_scores for epoch in run(by_loss_course(epochs=5, batch_size=4)).history]
    assert [set(scores) for scores in first] == [set(scores) for scores in alone]
    for scores, expected in zip(first, alone, strict=True):
        assert scores == pytest.approx(expected, abs=1e-4)
