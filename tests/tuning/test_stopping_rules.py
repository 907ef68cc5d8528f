"""Hyperband and median stopping, by hand; and where trials may be compared at all, with a real database."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from study.config import validate
from study.records import StudyFolder
from study.tuning.judgement import Judgement
from study.tuning.ledger import Ledger
from study.tuning.messages import Report
from study.tuning.stopping import Brackets, MedianRule
from study.workflow.searching import search_plan


def test_brackets_have_the_sizes_of_hyperband_and_begin_one_rung_later_each() -> None:
    rule = Brackets([2, 4], 2.0)
    # Li et al. 2018, algorithm 1: brackets that halve twice, once and never begin with 4/3 : 2/2 : 1/1 trials.
    of = [rule.bracket(number) for number in range(100)]
    assert [of.count(bracket) for bracket in range(3)] == [40, 30, 30]
    assert {of[at] for at in range(4)} == {0, 1, 2}  # the first trials are spread
    assert Brackets([2, 4], 2.0).bracket(99) == of[99]  # whoever is asked first


def test_a_trial_is_compared_with_its_bracket_alone() -> None:
    rule = Brackets([2, 4], 2.0)
    of = [rule.bracket(number) for number in range(30)]
    first, second, never = ([n for n in range(30) if of[n] == bracket] for bracket in range(3))
    assert not rule.judge(first[0], 2, 0.5)
    assert rule.judge(first[1], 2, 0.4)
    assert not rule.judge(second[0], 2, 0.1)  # its bracket begins at the second rung
    assert not rule.judge(second[0], 4, 0.3)
    assert rule.judge(second[1], 4, 0.2)
    assert not any(rule.judge(number, epoch, 0.0) for number in never for epoch in (2, 4))


def test_a_trial_below_the_median_of_the_others_averages_is_stopped() -> None:
    rule = MedianRule([2, 4], fewest=3)
    for number, values in enumerate([(0.2, 1.0), (0.4, 0.8), (0.5, 0.9)]):
        for epoch, value in zip((2, 4), values, strict=True):
            assert not rule.judge(number, epoch, value)  # fewer than three others have come so far
    assert not rule.judge(3, 2, 0.4)  # the median of 0.2, 0.4, 0.5
    assert rule.judge(4, 2, 0.3)  # below the median of 0.2, 0.4, 0.4, 0.5
    assert rule.judge(3, 4, 0.5)  # below the median of the others' averages so far, 0.6, 0.6 and 0.7
    assert not rule.judge(3, 4, 0.0)  # repeated: counts once
    assert not rule.judge(5, 2, 0.7)
    assert not rule.judge(5, 4, 0.1)  # its best was 0.7


def make(root: Path, schedule: dict[str, Any], **sections: Any) -> Any:
    config = validate(
        {
            "study": {"name": "s", "root": str(root)},
            "trainer": {"epochs": 8, "validate_every": 1},
            "schedule": schedule,
            "tuning": {"first_rung": 0.5, "reduction_factor": 1.75},
            **sections,
        }
    )
    folder = StudyFolder(root, "s")
    folder.path.mkdir(exist_ok=True)
    plan = search_plan(config)
    ledger = Ledger(plan, folder)
    return folder, ledger, Judgement(plan, ledger, lambda number: None, lambda number: None)


@pytest.mark.parametrize(
    ("schedule", "tuning", "stopped"),
    [
        ({"shape": "step"}, {}, [False, True]),  # g is 0 from the seventh of eight epochs on
        ({"shape": "linear"}, {}, [False, False]),  # not before the end
        ({"shape": "linear", "finish": 0.5}, {}, [False, True]),
        ({"shape": "linear", "clock": "rung"}, {}, [True, True]),
        ({"shape": "linear"}, {"wait_for_fade_out": False}, [True, True]),
        ({"shape": "abrupt"}, {}, [True, True]),  # nothing fades
        ({"shape": "none"}, {}, [True, True]),
    ],
)
def test_nothing_is_stopped_at_a_rung_before_the_end_of_the_fade_out(
    tmp_path: Path, schedule: dict[str, Any], tuning: dict[str, Any], stopped: list[bool]
) -> None:
    rungs = {"first_rung": 0.5, "reduction_factor": 1.75}  # epochs 4 and 7
    _, ledger, judge = make(tmp_path, schedule, tuning={**rungs, **tuning})
    decided = []
    for number, epoch in enumerate((4, 7)):
        for _ in range(2):
            ledger.next_trial()
        judge(2 * number, Report(epoch, 0.9))
        decided.append(judge(2 * number + 1, Report(epoch, 0.1)))
    assert decided == stopped


def test_each_trial_waits_for_its_own_fade_out_also_after_a_restart(tmp_path: Path) -> None:
    space = {"schedule": {"finish": {"type": "float", "low": 0.4, "high": 1.0}}}
    make_again = lambda: make(tmp_path, {"shape": "linear"}, search_space=space)  # noqa: E731
    folder, ledger, judge = make_again()
    for number, finish in enumerate((0.5, 1.0, 0.5, 0.5)):
        ledger.next_trial()
        folder.trial(number).parameters.write({"schedule.finish": finish})
    assert not judge(
        0, Report(5, 0.5)
    )  # the first that counts at the rung of epoch 4: at 4 it had not faded out
    assert not judge(1, Report(4, 0.1))
    assert not judge(0, Report(7, 0.5))
    assert not judge(1, Report(7, 0.9))  # is no bar for others, either
    ledger._database.close()
    folder, ledger, judge = make_again()
    for _ in range(4):
        ledger.next_trial()
    assert not judge(2, Report(7, 0.6))
    assert judge(3, Report(7, 0.4))
