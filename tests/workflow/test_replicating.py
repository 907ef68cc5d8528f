"""What is trained again with other seeds, before anything is trained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from studies import complete, failed, prepared_study, pruned, write_study, write_trial

from search_spaces import SearchSpace
from study.commandline.progress import Lines
from study.config import Config, validate
from study.errors import ConfigError, StudyError
from study.records import Ranking, StudyFolder
from study.tuning.ledger import Ledger
from study.tuning.queue import TrialQueue
from study.tuning.retries import Faults
from study.tuning.room import Need
from study.workflow.replicating import announcing_replicates, replicate_plan
from study.workflow.resuming import check_resumable
from study.workflow.study import train_once

RATE = "trainer.learning_rate"
SPACE = {"trainer": {"learning_rate": {"type": "float", "low": 0.001, "high": 0.5}}}


def make_config(root: Path, **study: Any) -> Config:
    return validate(
        {
            "study": {"name": "s", "root": str(root), "trials": 4, "seed": 7, **study},
            "trainer": {"learning_rate": 0.1},
            "search_space": SPACE,
        }
    )


def ended(
    root: Path, *values: float, rates: tuple[float, ...] = (0.1, 0.2, 0.3), **study: Any
) -> tuple[Config, StudyFolder]:
    """A study whose trials are complete with these objectives; the first has the default learning rate."""
    config = make_config(root, **study)
    folder = write_study(config, prepared_study())
    for number, (value, rate) in enumerate(zip(values, rates, strict=False)):
        write_trial(folder, complete(number, value), searched={RATE: rate})
    return config, folder


def repeated(folder: StudyFolder) -> list[tuple[int, int]]:
    return [(one.trial, one.seed) for one in (trial.replicate.read() for trial in folder.replicates.trials())]


def test_the_winner_and_the_default_settings_are_repeated_with_other_seeds(tmp_path: Path) -> None:
    config, folder = ended(tmp_path, 0.4, 0.5, 0.6, replicates=2)
    plan = replicate_plan(config, folder)
    assert plan is not None
    assert repeated(folder) == [(2, 8), (0, 8), (2, 9), (0, 9)]
    assert plan.given[:2] == ({RATE: 0.3, "study.seed": 8}, {RATE: 0.1, "study.seed": 8})
    assert (plan.study.trials, plan.study.name, plan.tuning.scheduler) == (4, "s.replicates", "none")
    assert [trial.number for trial in folder.trials()] == [0, 1, 2]
    assert Ranking(folder).winner.number == 2


@pytest.mark.parametrize(
    ("values", "rates", "rival"),
    [
        ((0.6, 0.4, 0.5), (0.1, 0.2, 0.3), 2),  # the default settings have won
        ((0.6, 0.4, 0.5), (0.4, 0.2, 0.3), 2),  # they were not tried
        ((0.4, 0.5, 0.6), (0.4, 0.1, 0.3), 1),  # they are another trial than the first
        ((0.6,), (0.2,), None),
    ],
)
def test_the_rival_is_the_second_best_where_the_default_settings_cannot_be(
    tmp_path: Path, values: tuple[float, ...], rates: tuple[float, ...], rival: int | None
) -> None:
    _, folder = ended(tmp_path, *values, rates=rates)
    found = Ranking(folder).rival
    assert (found and found.number) == rival


def test_default_settings_that_were_stopped_are_a_rival_and_failed_ones_are_not(tmp_path: Path) -> None:
    _, folder = ended(tmp_path, 0.0, 0.5, 0.6)
    write_trial(folder, pruned(0), searched={RATE: 0.1})
    assert Ranking(folder).rival.number == 0  # type: ignore[union-attr]
    write_trial(folder, failed(0), searched={RATE: 0.1})
    assert Ranking(folder).rival.number == 1  # type: ignore[union-attr]


def test_values_that_a_space_fixes_belong_to_the_default_settings(tmp_path: Path) -> None:
    config = validate(
        make_config(tmp_path).model_dump(mode="json")
        | {"search_space": {**SPACE, "schedule": {"shape": "linear"}}}
    )
    folder = write_study(config, prepared_study())
    write_trial(folder, complete(0, 0.4), searched={"schedule.shape": "linear", RATE: 0.1})
    write_trial(folder, complete(1, 0.5), searched={"schedule.shape": "linear", RATE: 0.2})
    assert Ranking(folder).rival.number == 0  # type: ignore[union-attr]


def test_more_replicates_add_to_those_that_are_there(tmp_path: Path) -> None:
    config, folder = ended(tmp_path, 0.4, 0.5, replicates=1)
    first = replicate_plan(config, folder)
    write_trial(folder, complete(2, 0.9), searched={RATE: 0.3})  # a study that went on has another winner
    again = replicate_plan(make_config(tmp_path, replicates=2), folder)
    assert repeated(folder) == [(1, 8), (0, 8), (2, 8), (2, 9), (0, 9)]
    assert first is not None
    assert again is not None
    assert again.given[:2] == first.given
    assert again.study.trials == 5


def test_without_replicates_or_a_winner_there_is_nothing_to_repeat(tmp_path: Path) -> None:
    config, folder = ended(tmp_path / "a", 0.4)
    assert replicate_plan(config, folder) is None
    config, folder = ended(tmp_path / "b", replicates=3)
    write_trial(folder, failed(0))
    assert replicate_plan(config, folder) is None
    assert not folder.is_replicated


def test_models_for_each_subset_are_not_repeated(tmp_path: Path) -> None:
    content = make_config(tmp_path, replicates=1).model_dump(mode="json")
    config = validate({**content, "search_space": {"model": {"inputs": {"type": "subsets"}}}})
    with pytest.raises(ConfigError, match=r"search_space\.model\.inputs: .*set study\.replicates=0"):
        SearchSpace.parse(config.search_space, config)


def test_a_single_training_repeats_nothing(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"study\.replicates: repeats the winner of a search"):
        train_once(make_config(tmp_path, replicates=1), Lines(lambda text: None))


def test_a_study_that_has_ended_can_be_resumed_with_replicates_and_another_average(tmp_path: Path) -> None:
    config, folder = ended(tmp_path, 0.4, 0.5)
    changes = {"study.replicates": 3, "evaluation.average": "centers", "resume": True}
    check_resumable(config.with_values(changes), folder)
    with pytest.raises(StudyError, match=r"study\.seed"):
        check_resumable(config.with_values({**changes, "study.seed": 8}), folder)


def test_the_queue_runs_what_is_given_and_an_interrupted_replicate_is_the_same_again(tmp_path: Path) -> None:
    config, folder = ended(tmp_path, 0.4, 0.5, replicates=1)
    plan = replicate_plan(config, folder)
    assert plan is not None
    for interrupted in (True, False):
        ledger = Ledger(plan, folder.replicates)
        queue = TrialQueue(
            ledger,
            folder.replicates,
            plan,
            2,
            need_of=Need(1, 1, 0.0).with_values,
            may_start=lambda need, running: True,
            trainer=config.trainer,
            faults=Faults(0),
            changed=lambda number: None,
            halt=lambda error: None,
        )
        assert [queue.next(), queue.next()] == [0, 1]
        parameters = [trial.parameters.read() for trial in folder.replicates.trials()]
        assert parameters == [{RATE: 0.2, "study.seed": 8}, {RATE: 0.1, "study.seed": 8}]
        ledger._database.close()
        assert interrupted or not folder.trial(2).path.exists()
    changed = folder.trial_config(folder.replicates.trial(1))
    assert (changed.study.seed, changed.trainer.learning_rate) == (8, 0.1)


def test_ends_are_told_once_with_what_they_repeat(tmp_path: Path) -> None:
    config, folder = ended(tmp_path, 0.4, 0.5, replicates=1)
    plan = replicate_plan(config, folder)
    assert plan is not None
    said: list[str] = []
    tracked: list[int] = []
    changed = announcing_replicates(folder, plan, tracked.append, lambda: None, said.append)
    changed(0)
    folder.replicates.trial(0).result.write(complete(0, 0.45))
    folder.replicates.trial(1).result.write(failed(1, "the loss is nan"))
    for number in (0, 0, 1):
        changed(number)
    assert said == [
        "trial 1 with seed 8 complete: objective 0.450 (replicate 1 of 2)",
        "trial 0 with seed 8 failed: the loss is nan (replicate 2 of 2)",
    ]
    assert tracked == [1, 1, 1, 0]
