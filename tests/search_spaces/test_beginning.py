"""What a search begins with: the configured settings, then the paper's."""

from __future__ import annotations

from typing import Any

from space_cases import SYSTEMS, configure

from search_spaces import SearchSpace, first_setting, paper_setting, planned_trials
from search_spaces.beginning import remarks

SHAPES = {
    "schedule": {
        "shape": {"type": "categorical", "choices": ["linear", "step", "polynomial"]},
        "steps": {"type": "int", "low": 2, "high": 8, "when": {"schedule.shape": ["step"]}},
        "exponent": {"type": "float", "low": 0.5, "high": 4.0, "when": {"schedule.shape": ["polynomial"]}},
        "end": 0.0,
    },
    "modality_dropout": {"drop_probability": {"type": "float", "low": 0.1, "high": 0.9}},
}


def space(content: dict[str, Any], **sections: Any) -> SearchSpace:
    return SearchSpace.parse(content, configure(**sections))


def test_the_first_trial_has_the_configured_settings_as_far_as_they_count() -> None:
    step = {"schedule.shape": "step", "schedule.steps": 5, "modality_dropout.drop_probability": 0.5}
    assert planned_trials(space(SHAPES, schedule={"shape": "step", "steps": 5}), 4) == [step]
    linear = space(SHAPES, schedule={"shape": "linear"}, modality_dropout={"drop_probability": 0.25})
    assert planned_trials(linear, 4) == [
        {"schedule.shape": "linear", "modality_dropout.drop_probability": 0.25}
    ]
    assert first_setting(linear) == {**planned_trials(linear, 4)[0], "schedule.end": 0.0}
    assert remarks(linear) == []


def test_where_nothing_is_searched_nothing_is_planned() -> None:
    assert planned_trials(space({"schedule": {"shape": "linear"}}), 3) == []


def test_a_configured_value_outside_of_its_range_is_told_and_the_nearest_one_taken() -> None:
    outside = space(SHAPES, schedule={"shape": "cosine"}, modality_dropout={"drop_probability": 0.95})
    assert planned_trials(outside, 1) == [
        {"schedule.shape": "linear", "modality_dropout.drop_probability": 0.9}
    ]
    assert remarks(outside) == [
        "modality_dropout.drop_probability: the configured 0.95 is outside of what is searched (0.1 to 0.9); the first "
        "trial takes 0.9",
        "schedule.shape: the configured cosine is outside of what is searched (linear, step, polynomial); the first "
        "trial takes linear",
    ]
    stepped = {"trainer": {"batch_size": {"type": "int", "low": 4, "high": 12, "step": 4}}}
    assert planned_trials(space(stepped, trainer={"batch_size": 7}), 1) == [{"trainer.batch_size": 8}]
    assert len(remarks(space(stepped, trainer={"batch_size": 7}))) == 1
    assert remarks(space(stepped, trainer={"batch_size": 8})) == []
    stages = {"model": {"stages": {"type": "int", "low": 2, "high": 4}}}
    assert planned_trials(space(stages), 1) == [{}]  # null is configured, near to no number
    assert remarks(space(stages)) == [
        "model.stages: the configured null is outside of what is searched (2 to 4, whole numbers); the first trial "
        "draws one"
    ]


def test_lists_are_given_entry_by_entry_and_choices_that_are_lists_as_text() -> None:
    drops = {"type": "float", "low": 0.1, "high": 2.0, "size": 3}
    droppable = {"type": "categorical", "choices": [["ADC"], ["ADC", "B0"]]}
    lists = space(
        {"schedule": {"drops": drops}, "modality_dropout": {"droppable": droppable}},
        schedule={"drops": [1.0, 2.0, 0.5]},
        modality_dropout={"droppable": ["ADC", "B0"]},
    )
    assert planned_trials(lists, 1) == [
        {
            "schedule.drops.0": 1.0,
            "schedule.drops.1": 2.0,
            "schedule.drops.2": 0.5,
            "modality_dropout.droppable": '["ADC", "B0"]',
        }
    ]


def test_every_combination_in_turn_begins_with_the_configured_settings_the_configured_one_first() -> None:
    planned = planned_trials(
        space(
            SYSTEMS, model={"name": "lstm", "recurrent": {"kind": "clstm"}}, trainer={"learning_rate": 0.02}
        ),
        5,
    )
    clstm = {"model.name": "lstm", "model.recurrent.kind": "clstm"}
    llstm = {"model.name": "lstm", "model.recurrent.kind": "llstm"}
    rate = {"trainer.learning_rate": 0.02}
    assert planned == [
        {**clstm, **rate},
        {"model.name": "nnunet", **rate},
        {**llstm, **rate},
        clstm,  # the rate is drawn from here on
        {"model.name": "nnunet"},
    ]


def with_paper(**values: Any) -> dict[str, Any]:
    shape = {"type": "categorical", "choices": ["linear", "step"], "paper": "step"}
    steps = {"type": "int", "low": 2, "high": 8, "paper": 4, "when": {"schedule.shape": ["step"]}}
    return {"schedule": {"shape": shape, "steps": steps}} | values


def test_the_second_trial_has_the_paper_s_values_where_they_differ() -> None:
    linear = space(with_paper(), schedule={"shape": "linear"})
    assert planned_trials(linear, 9) == [
        {"schedule.shape": "linear"},
        {"schedule.shape": "step", "schedule.steps": 4},
    ]
    assert planned_trials(linear, 1) == [{"schedule.shape": "linear"}]
    same = space(with_paper(), schedule={"shape": "step", "steps": 4})
    assert paper_setting(same) is None
    assert len(planned_trials(same, 9)) == 1


def test_a_paper_s_value_that_the_space_has_lost_is_told_and_no_trial_pretends_to_have_it() -> None:
    content = with_paper()
    content["schedule"]["steps"]["low"] = 5
    narrowed = space(content, schedule={"shape": "linear"})
    assert len(planned_trials(narrowed, 9)) == 1
    assert remarks(narrowed) == [
        "schedule.steps: the paper's 4 is outside of what is searched (5 to 8, whole numbers); no trial is given the "
        "paper's settings"
    ]


def test_paper_values_are_tried_for_each_combination_in_turn() -> None:
    slices = {"slices": {"type": "categorical", "choices": [10, 12], "in_turn": True}}
    both = space(with_paper(model=slices), schedule={"shape": "linear"})
    assert [trial["schedule.shape"] for trial in planned_trials(both, 4)] == [
        "linear",
        "linear",
        "step",
        "step",
    ]
    assert [trial["model.slices"] for trial in planned_trials(both, 6)] == [12, 10, 12, 10, 12, 10]


def test_what_is_never_reached_is_told() -> None:
    content = {"schedule": {"shape": "linear", "steps": SHAPES["schedule"]["steps"]}}
    assert remarks(space(content)) == [
        "schedule.steps: is not searched, since it counts with schedule.shape=step only"
    ]


def test_independent_models_cause_no_remark() -> None:
    subsets = space({"model": {"inputs": {"type": "subsets"}}})
    assert remarks(subsets) == []
    assert planned_trials(subsets, 2) == [{"model.inputs": "DWI+ADC+B0"}, {"model.inputs": "DWI+ADC"}]
