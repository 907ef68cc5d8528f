from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from study.config import Schedule
from study.config.parts import PARTS
from study.training.fading import fade, has_faded_out, progress

FALLING = sorted(set(PARTS["schedules"]) - {"none", "abrupt"})
unit = st.floats(0, 1)


@st.composite
def schedules(draw: st.DrawFn, shapes: list[str] = FALLING) -> Schedule:
    end, start = sorted((draw(unit), draw(unit)))
    hold = draw(st.floats(0, 0.9))
    return Schedule(
        shape=draw(st.sampled_from(shapes)),
        start=start,
        end=end,
        hold=hold,
        finish=draw(st.floats(hold + 0.01, 1)),
        steps=draw(st.integers(2, 100)),
        exponent=draw(st.floats(0.01, 20)),
        steepness=draw(st.floats(0.01, 100)),
        drops=draw(st.lists(st.floats(0.001, 10), min_size=1, max_size=8)),
    )


@settings(deadline=None)
@given(schedules(), unit, unit)
def test_falling_shapes_never_rise_and_stay_between_end_and_start(
    schedule: Schedule, first: float, second: float
) -> None:
    early, late = sorted((first, second))
    assert fade(schedule, early) >= fade(schedule, late) - 1e-12
    assert schedule.end <= fade(schedule, late) <= schedule.start


@settings(deadline=None)
@given(schedules(), unit)
def test_falling_shapes_are_exactly_start_until_hold_and_end_from_finish(
    schedule: Schedule, part: float
) -> None:
    assert fade(schedule, part * schedule.hold) == schedule.start
    assert fade(schedule, schedule.finish + part * (1 - schedule.finish)) == schedule.end


@settings(deadline=None)
@given(schedules(["none", "abrupt"]), unit)
def test_none_is_always_1_and_abrupt_always_0(schedule: Schedule, moment: float) -> None:
    assert fade(schedule, moment) == (1 if schedule.shape == "none" else 0)


def test_the_default_is_the_papers_step_schedule() -> None:
    levels = [fade(Schedule(), epoch / 400) for epoch in range(400)]
    assert levels == [0.75] * 100 + [0.5] * 100 + [0.25] * 100 + [0.0] * 100


@pytest.mark.parametrize(
    ("settings", "moment", "g"),
    [
        ({"shape": "linear", "start": 0.9, "end": 0.1, "hold": 0.2, "finish": 0.8}, 0.35, 0.7),
        ({"shape": "cosine", "start": 1}, 0.25, (2 + math.sqrt(2)) / 4),
        ({"shape": "polynomial", "start": 1, "exponent": 2}, 0.25, 0.5625),
        ({"shape": "polynomial", "start": 0.8, "exponent": 0.5}, 0.75, 0.4),
        ({"shape": "exponential", "start": 1}, 0.5, 1 / (math.exp(2.5) + 1)),
        ({"shape": "sigmoid", "start": 1, "steepness": 10}, 0.5, 0.5),
        ({"shape": "sigmoid", "start": 1, "steepness": 10}, 0.25, 0.929897),
        ({"shape": "step", "start": 1, "end": 0.5, "steps": 2}, 0.49, 1.0),
        ({"shape": "step", "start": 1, "end": 0.5, "steps": 2}, 0.5, 0.5),
        ({"shape": "step", "start": 1, "steps": 3, "hold": 0.1, "finish": 0.7}, 0.3, 0.5),
        ({"shape": "free", "start": 1, "drops": (1, 3)}, 0.32, 1.0),
        ({"shape": "free", "start": 1, "drops": (1, 3)}, 0.34, 0.75),
        ({"shape": "free", "start": 1, "drops": (1, 3)}, 0.67, 0.0),
        ({"shape": "free", "start": 0.8, "end": 0.2, "drops": (0, 1, 0, 2)}, 0.5, 0.6),
    ],
)
def test_shapes_have_the_values_computed_by_hand(
    settings: dict[str, object], moment: float, g: float
) -> None:
    assert fade(Schedule(**settings), moment) == pytest.approx(g, abs=1e-6)


def test_free_with_equal_drops_is_the_step_schedule() -> None:
    free = Schedule(shape="free", drops=(2.0, 2.0, 2.0))
    moments = [i / 97 for i in range(98)]
    assert [fade(free, moment) for moment in moments] == [fade(Schedule(), moment) for moment in moments]


def test_a_higher_steepness_brings_the_sigmoid_nearer_to_a_single_step() -> None:
    before = [fade(Schedule(shape="sigmoid", start=1, steepness=s), 0.25) for s in (1, 4, 16, 64)]
    assert all(a < b for a, b in pairwise(before))


def test_progress_outside_the_training_is_refused() -> None:
    with pytest.raises(ValueError, match=r"\[0, 1\], got 1.5"):
        fade(Schedule(), 1.5)


def test_the_trial_clock_is_the_fraction_of_all_epochs() -> None:
    assert [progress(epoch, 4, "trial", [2]) for epoch in range(4)] == [0, 0.25, 0.5, 0.75]


def test_the_rung_clock_runs_one_whole_schedule_up_to_each_rung_and_to_the_end() -> None:
    clock = [progress(epoch, 12, "rung", [5, 8]) for epoch in range(12)]
    assert clock == pytest.approx([0, 0.25, 0.5, 0.75, 1, 0, 0.5, 1, 0, 1 / 3, 2 / 3, 1])


def test_the_rung_clock_without_rungs_runs_one_schedule() -> None:
    assert [progress(epoch, 5, "rung", []) for epoch in range(5)] == [0, 0.25, 0.5, 0.75, 1]


def test_a_single_epoch_between_two_rungs_is_at_the_end_of_the_schedule() -> None:
    assert [progress(epoch, 3, "rung", [1, 2, 3]) for epoch in range(3)] == [1, 1, 1]


def test_the_rung_clock_keeps_the_papers_quarters() -> None:
    levels = [fade(Schedule(), progress(epoch, 24, "rung", [8])) for epoch in range(24)]
    quarters = (0.75, 0.5, 0.25, 0.0)
    assert levels == [g for g in quarters for _ in range(2)] + [g for g in quarters for _ in range(4)]


@settings(deadline=None)
@given(st.integers(1, 60), st.lists(st.integers(-5, 70), max_size=4), st.sampled_from(["trial", "rung"]))
def test_both_clocks_stay_within_0_and_1_and_step_back_only_after_a_rung(
    epochs: int, rungs: list[int], clock: str
) -> None:
    clocks = [progress(epoch, epochs, clock, rungs) for epoch in range(epochs)]
    assert all(0 <= value <= 1 for value in clocks)
    assert all(
        a <= b or (clock == "rung" and epoch in rungs and a == 1)
        for epoch, (a, b) in enumerate(pairwise(clocks), 1)
    )


@pytest.mark.parametrize("epoch", [-1, 10])
def test_an_epoch_outside_the_training_is_refused(epoch: int) -> None:
    with pytest.raises(ValueError, match=rf"\[0, 10\), got {epoch}"):
        progress(epoch, 10, "trial", [])


@pytest.mark.parametrize(
    ("settings", "first"),
    [
        ({"shape": "step"}, 76),  # the last quarter is at 0
        ({"shape": "linear"}, 96),  # 5 % of the way are left after 95 of 99 epochs
        ({"shape": "linear", "finish": 0.5}, 49),
        ({"shape": "exponential"}, 59),  # exp(-5 x) is 5 % of the way at 0.59
        ({"shape": "linear", "start": 0.8, "end": 0.3, "hold": 0.2, "finish": 0.6}, 59),
        ({"shape": "abrupt"}, 1),
        ({"shape": "none"}, 1),
    ],
)
def test_a_schedule_has_faded_out_where_little_of_the_way_is_left(
    settings: dict[str, object], first: int
) -> None:
    schedule = Schedule.model_validate(settings)
    faded = [finished for finished in range(1, 101) if has_faded_out(schedule, finished, 100, ())]
    assert faded == list(range(first, 101))


def test_with_the_clock_of_rungs_every_rung_is_the_end_of_a_schedule() -> None:
    schedule = Schedule(shape="linear", clock="rung")
    faded = [finished for finished in range(1, 101) if has_faded_out(schedule, finished, 100, (30, 60))]
    assert {30, 60, 100} <= set(faded)
    assert not {15, 45, 80} & set(faded)
