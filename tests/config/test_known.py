"""Settings that name a part, and own settings of parts of installed packages."""

from __future__ import annotations

from pathlib import Path

import pytest
from installing import installed

from search_spaces import SearchSpace
from study.config import Config, Schedule, Trainer, validate
from study.config.known import find_known
from study.errors import ConfigError

SOURCE = """
from dataclasses import dataclass
from typing import Annotated
from pydantic import BaseModel, Field
from study.config.parts import Part

class Rate(BaseModel):
    rate: Annotated[float, Field(gt=0, le=4)] = 2.0
    drops: tuple[int, ...] = (1, 2)

@dataclass(frozen=True)
class Weights:
    alpha: float = 0.7

@dataclass(frozen=True)
class Needed:
    folder: str

QUADRATIC = Part(lambda schedule, position: 1 - position ** schedule.settings.rate, Rate)
TVERSKY = Part(lambda margin, truth, trainer: trainer.settings.tversky.alpha * margin.mean(), Weights)
LAYOUT = Part(lambda cohort: [], Needed)
"""
POINTS = {
    "fadeout.schedules": {"quadratic": "QUADRATIC"},
    "fadeout.losses": {"tversky": "TVERSKY"},
    "fadeout.readers": {"layout": "LAYOUT"},
}


@pytest.fixture(autouse=True)
def package(tmp_path: Path):
    with installed(tmp_path, "mine", SOURCE, POINTS):
        yield


def config(**sections: object) -> Config:
    return validate({"study": {"name": "s"}, **sections})


def problems(**sections: object) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        config(**sections)
    return list(caught.value.problems)


QUADRATIC = {"shape": "quadratic", "settings": {"rate": 3}}


def test_the_section_holds_the_settings_of_the_part_that_it_chooses() -> None:
    schedule = config(schedule=QUADRATIC).schedule
    assert (schedule.settings.rate, schedule.settings.drops) == (3.0, (1, 2))
    assert config(schedule={"shape": "quadratic"}).schedule.settings.rate == 2.0


def test_a_section_with_several_parts_holds_the_settings_of_each_by_its_name() -> None:
    trainer = config(trainer={"loss": "tversky"}).trainer
    assert trainer.settings.tversky.alpha == 0.7
    settings = {"settings": {"tversky": {"alpha": 0.2}}}
    assert config(trainer=settings).trainer.settings.tversky.alpha == 0.2  # for when a search chooses it


def test_own_settings_survive_json() -> None:
    given = {"settings": {"tversky": {"alpha": 0.2}}, "loss": "tversky"}
    first = config(schedule=QUADRATIC, trainer=given)
    content = first.model_dump(mode="json")
    assert content["schedule"]["settings"] == {"rate": 3.0, "drops": [1, 2]}
    assert content["trainer"]["settings"] == {"tversky": {"alpha": 0.2}}
    assert validate(content) == first


def test_parts_of_ours_leave_the_settings_empty() -> None:
    content = config().model_dump(mode="json")
    assert [content[name]["settings"] for name in ("schedule", "trainer", "cohort", "model")] == [{}] * 4


@pytest.mark.parametrize(
    ("sections", "expected"),
    [
        (
            {"schedule": {"shape": "quadratic", "settings": {"rate": 9, "drops": 1, "sped": 1}}},
            [
                "schedule.settings.sped: no such key; quadratic has rate, drops",
                "schedule.settings.rate: must be a number, above 0, at most 4, got 9",
                "schedule.settings.drops: must be a list of whole numbers, got 1",
            ],
        ),
        (
            {"schedule": {"settings": {"rate": 1}}},
            ["schedule.settings.rate: no such key; step has no settings of its own"],
        ),
        (
            {"schedule": {"shape": "quadratic", "settings": 3}},
            ["schedule.settings: must be a mapping of settings to values, got 3"],
        ),
        (
            {"trainer": {"settings": {"tversky": {"alpha": "x"}, "dice": {"a": 1}}}},
            [
                "trainer.settings.tversky.alpha: must be a number, got 'x'",
                "trainer.settings.dice: no part of this name has settings of its own",
            ],
        ),
        (
            {"cohort": {"sources": ["layout"]}},
            ["cohort.settings.layout.folder: required and not given"],
        ),
        (
            {"schedule": {"shape": "quadartic", "settings": {"rate": 9}}},
            [
                "schedule.shape: must be one of abrupt, cosine, exponential, free, linear, none, polynomial, "
                "quadratic, sigmoid, step, got 'quadartic'; did you mean quadratic?"
            ],
        ),
    ],
)
def test_every_mistake_has_its_path(sections: dict[str, object], expected: list[str]) -> None:
    assert problems(**sections) == expected


def test_another_part_begins_with_its_own_defaults() -> None:
    chosen = config(schedule=QUADRATIC)
    assert chosen.with_values({"schedule.shape": "linear"}).schedule.shape == "linear"
    assert chosen.with_values({"schedule.shape": "quadratic"}).schedule.settings.rate == 3.0
    values = {"schedule.shape": "quadratic", "schedule.settings.rate": 1.5}
    assert config().with_values(values).schedule.settings.rate == 1.5


RATE = {"type": "float", "low": 0.5, "high": 3.0, "when": {"schedule.shape": ["quadratic"]}}
SHAPE = {"type": "categorical", "choices": ["linear", "quadratic"]}


def test_own_settings_are_searched_like_others() -> None:
    space = SearchSpace.parse({"schedule": {"shape": SHAPE, "settings": {"rate": RATE}}}, config())
    assert [parameter.path for parameter in space.parameters] == ["schedule.shape", "schedule.settings.rate"]
    nested = {"trainer": {"loss": "tversky", "settings": {"tversky": {"alpha": RATE | {"when": {}}}}}}
    assert SearchSpace.parse(nested, config()).parameters[1].path == "trainer.settings.tversky.alpha"


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        (
            {"rate": RATE | {"high": 5.0}},
            "search_space.schedule.settings.rate.high: 5.0 is refused; schedule.",
        ),
        (
            {"rat": RATE},
            "search_space.schedule.settings.rat.low: 0.5 is refused; schedule.settings.rat: no such key",
        ),
        (
            {"rate": {key: RATE[key] for key in ("type", "low", "high")}},
            "search_space.schedule.settings.rate.low: 0.5 is refused; schedule.settings.rate: no such key; step has",
        ),
        (3, "search_space.schedule.settings: is a section"),
    ],
)
def test_a_search_space_of_own_settings_is_checked(settings: object, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        SearchSpace.parse({"schedule": {"shape": SHAPE, "settings": settings}}, config())
    assert any(line.startswith(problem) for line in caught.value.problems), caught.value.problems


def test_fields_know_what_they_may_name() -> None:
    known = find_known(Schedule.model_fields["shape"])
    assert known is not None
    assert "quadratic" in known.names()
    assert find_known(Trainer.model_fields["epochs"]) is None


def test_a_kind_without_parts_says_so() -> None:
    assert problems(evaluation={"metrics": ["precison"]}) == [
        "evaluation.metrics: there is none to choose from, as no installed package adds one, got 'precison'"
    ]
