from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as run_with
from hypothesis import strategies as st

from study.config import ModalityDropout
from study.config.parts import PARTS
from study.training.dropout import sample_dropout

DRAWS = 4000
CRITICAL = {1: 10.83, 2: 13.82, 3: 16.27, 6: 22.46, 7: 24.32}  # chi-square at 0.001, by degrees of freedom

Subset = tuple[int, ...]


def counted(
    settings: ModalityDropout,
    droppable: Sequence[bool],
    g: float = 0.0,
    present: Sequence[bool] | None = None,
) -> Counter[Subset]:
    """How often each set of modalities was dropped."""
    rng = np.random.default_rng(7)
    present = present or [True] * len(droppable)
    draws = (sample_dropout(present, droppable, settings, g, rng).dropped for _ in range(DRAWS))
    return Counter(tuple(np.flatnonzero(dropped).tolist()) for dropped in draws)


def assert_follows(counts: Counter[Subset], probabilities: Mapping[Subset, float]) -> None:
    """Pearson's chi-square test, from its formula."""
    assert sum(probabilities.values()) == pytest.approx(1)
    assert set(counts) <= set(probabilities)
    expected = {subset: DRAWS * p for subset, p in probabilities.items()}
    statistic = sum((counts[subset] - e) ** 2 / e for subset, e in expected.items())
    assert statistic < CRITICAL[len(probabilities) - 1]


def by_size(modalities: int, sizes: Sequence[float]) -> dict[Subset, float]:
    """A probability for each size, shared equally by the subsets of that size."""
    return {
        subset: p / len(subsets)
        for size, p in enumerate(sizes)
        for subsets in [list(combinations(range(modalities), size))]
        for subset in subsets
    }


def test_bernoulli_drops_each_modality_on_its_own() -> None:
    settings = ModalityDropout(drop_probability=0.3)
    expected = {
        (): 0.343,
        (1,): 0.147,
        (2,): 0.147,
        (3,): 0.147,
        (1, 2): 0.063,
        (1, 3): 0.063,
        (2, 3): 0.063,
        (1, 2, 3): 0.027,
    }
    assert_follows(counted(settings, [False, True, True, True]), expected)


def test_bernoulli_jointly_drops_all_or_none() -> None:
    settings = ModalityDropout(drop_probability=0.2, draw="jointly")
    assert_follows(counted(settings, [False, True, True]), {(): 0.8, (1, 2): 0.2})


def test_bernoulli_at_g_0_takes_one_back_where_all_would_be_gone() -> None:
    settings = ModalityDropout(drop_probability=0.5)
    assert_follows(counted(settings, [True, True]), {(): 0.25, (0,): 0.375, (1,): 0.375})


@pytest.mark.parametrize("draw", ["per_modality", "jointly"])
def test_the_modality_taken_back_is_any_with_equal_chance(draw: str) -> None:
    settings = ModalityDropout(drop_probability=1, draw=draw)
    assert_follows(counted(settings, [True] * 3), {(0, 1): 1 / 3, (0, 2): 1 / 3, (1, 2): 1 / 3})


def test_nothing_is_taken_back_while_a_dropped_modality_can_still_be_seen() -> None:
    settings = ModalityDropout(drop_probability=1)
    assert counted(settings, [True, True], g=0.5) == {(0, 1): DRAWS}
    assert_follows(counted(settings, [True, True], g=0.001), {(0,): 0.5, (1,): 0.5})


def test_only_present_modalities_are_taken_back() -> None:
    settings = ModalityDropout(drop_probability=1)
    drawn = counted(settings, [True] * 4, present=[True, False, True, False])
    assert_follows(drawn, {(0,): 0.5, (2,): 0.5})


def test_uniform_subset_draws_every_number_below_all_equally_often() -> None:
    settings = ModalityDropout(policy="uniform_subset")
    assert_follows(counted(settings, [True] * 3), by_size(3, [1 / 3, 1 / 3, 1 / 3]))


def test_uniform_subset_may_drop_the_whole_list_where_others_stay() -> None:
    settings = ModalityDropout(policy="uniform_subset")
    expected = {(): 1 / 3, (0,): 1 / 6, (1,): 1 / 6, (0, 1): 1 / 3}
    assert_follows(counted(settings, [True, True, False], g=0.5), expected)


def test_truncated_geometric_draws_numbers_by_urns_formula() -> None:
    settings = ModalityDropout(policy="truncated_geometric", theta=0.5)
    assert_follows(counted(settings, [True] * 3), by_size(3, [4 / 7, 2 / 7, 1 / 7]))


def test_truncated_geometric_keeps_as_many_as_asked_for() -> None:
    settings = ModalityDropout(policy="truncated_geometric", theta=0.8, keep_at_least=2)
    assert_follows(counted(settings, [True] * 3), by_size(3, [5 / 9, 4 / 9]))


def test_a_probability_of_0_drops_nothing_and_changes_no_voxel() -> None:
    draw = sample_dropout(
        [True, True], [True, True], ModalityDropout(drop_probability=0), 0.0, np.random.default_rng(0)
    )
    assert draw.factors.tolist() == [1, 1]
    assert not draw.dropped.any()


def test_the_noise_on_a_dropped_modality_has_the_deviation_asked_for() -> None:
    rng = np.random.default_rng(3)
    settings = ModalityDropout(drop_probability=1, noise_std=0.1)
    drawn = [
        sample_dropout([True] * 3, [False, True, True], settings, 0.5, rng).factors for _ in range(DRAWS)
    ]
    kept, *dropped = np.array(drawn).T
    assert (kept == 1).all()
    for factors in dropped:
        assert factors.mean() == pytest.approx(0.5, abs=0.005)  # 3 standard errors
        assert factors.std() == pytest.approx(0.1, abs=0.004)
    assert abs(np.corrcoef(dropped)[0, 1]) < 0.05


def test_without_noise_a_dropped_modality_is_multiplied_by_g() -> None:
    settings = ModalityDropout(drop_probability=1, noise_std=0)
    draw = sample_dropout([True, True], [False, True], settings, 0.25, np.random.default_rng(0))
    assert draw.factors.tolist() == [1, 0.25]
    assert draw.factors.dtype == np.float32


@run_with(deadline=None)
@given(
    policy=st.sampled_from(sorted(PARTS["policies"])),
    draw=st.sampled_from(["per_modality", "jointly"]),
    flags=st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=6),
    q=st.floats(0, 1),
    theta=st.floats(0.01, 0.99),
    keep=st.integers(1, 6),
    g=st.floats(0, 1),
    seed=st.integers(0, 10_000),
)
def test_any_policy_with_any_g_drops_only_what_it_may_and_leaves_enough(
    policy: str,
    draw: str,
    flags: list[tuple[bool, bool]],
    q: float,
    theta: float,
    keep: int,
    g: float,
    seed: int,
) -> None:
    present, droppable = np.array(flags, bool).T
    settings = ModalityDropout(
        policy=policy, draw=draw, drop_probability=q, theta=theta, keep_at_least=keep, noise_std=0
    )
    drawn = sample_dropout(present, droppable, settings, g, np.random.default_rng(seed))
    again = sample_dropout(present, droppable, settings, g, np.random.default_rng(seed))
    assert (drawn.dropped == again.dropped).all()
    assert (drawn.factors == again.factors).all()
    assert not (drawn.dropped & ~(present & droppable)).any()
    assert (drawn.factors[~present] == 0).all()
    assert (drawn.factors[present & ~drawn.dropped] == 1).all()
    assert (drawn.factors[drawn.dropped] == np.float32(g)).all()
    if g == 0 or policy != "bernoulli":
        assert (present & ~drawn.dropped).sum() >= min(keep, present.sum())
