"""Our search spaces beside our trainers and techniques."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from search_spaces import DIRECTORY, SearchSpace, paper_setting
from search_spaces.beginning import remarks
from study.commandline.composition import compose
from study.commandline.groups import choices
from study.config import Config

SPACES, TRAINERS = choices()["search_space"], choices()["trainer"]
# The first fixes all of nnU-Net's training; threshold has nothing to train; the last compares drop probabilities alone.
WITHOUT_RATE = {"thrombus_models", "thrombus_multicentric", "threshold", "drop_probabilities"}


def content_of(space: str) -> dict[str, Any]:
    return dict(yaml.safe_load((DIRECTORY / f"{space}.yaml").read_text()))


@pytest.fixture(scope="module", params=TRAINERS)
def trained(request: pytest.FixtureRequest) -> Config:
    return compose(["cohort=phantoms_thrombus", f"trainer={request.param}"])


@pytest.mark.parametrize("space", [name for name in SPACES if name not in WITHOUT_RATE])
def test_the_rates_that_a_space_tries_are_around_the_trainer_s_own(space: str, trained: Config) -> None:
    leaf = content_of(space)["trainer"]["learning_rate"]
    (rate,) = SearchSpace.parse({"trainer": {"learning_rate": leaf}}, trained).parameters
    own = trained.trainer.learning_rate
    assert own / 5 <= rate.low * 1.001 < own < rate.high / 1.001 <= own * 5
    assert rate.log


@pytest.mark.parametrize("space", SPACES)
def test_no_space_changes_the_optimiser_that_a_rate_is_for(space: str) -> None:
    trainer = content_of(space).get("trainer", {})
    changed = {name: trainer[name] for name in ("optimizer", "momentum", "beta1") if name in trainer}
    if space not in WITHOUT_RATE:
        assert changed == {}
    else:
        assert all(entry["when"] == trainer["learning_rate"]["when"] for entry in changed.values())


def test_the_tables_cover_all_spaces() -> None:
    assert len(SPACES) > 12
    assert len(TRAINERS) > 6
    assert set(SPACES) > WITHOUT_RATE


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["trainer=nnunet", "model=nnunet"],
        *([f"technique={name}"] for name in ("moddrop", "moddrop_plus", "moddrop_plus_plus", "independent")),
        *([f"experiment={name}"] for name in choices()["experiment"] if name != "unseen_isles"),
        ["search_space=none"],
        ["search_space=abrupt", "schedule=abrupt"],
        ["search_space=schedules"],
        ["search_space=models"],
        ["search_space=urn", "model=urn", "trainer=urn"],
        ["search_space=multiunet", "model=multiunet", "trainer=multiunet", "schedule=abrupt"],
        ["search_space=thrombus", "model=upattllstm", "trainer=thrombus_quick"],
        ["search_space=upattllstm", "model=upattllstm", "trainer=thrombus"],
    ],
    ids=" ".join,
)
def test_what_goes_together_needs_no_remark(arguments: list[str]) -> None:
    first = (
        "cohort=phantoms"
        if "experiment" not in "".join(arguments) and "thrombus" not in "".join(arguments)
        else ""
    )
    config = compose([*filter(None, [first]), *arguments])
    assert remarks(SearchSpace.parse(config.search_space, config).outer) == []


@pytest.mark.parametrize(
    ("arguments", "changed"),
    [
        (["technique=moddrop_plus"], {"head.init": "paper"}),
        (["technique=moddrop_plus_plus"], {}),  # its file in conf/technique has the paper's values
        (["search_space=urn", "model=urn", "trainer=urn", "schedule=abrupt"], {}),
        (["search_space=upattllstm", "model=upattllstm", "trainer=thrombus"], {}),
        ([], {"modality_dropout.drop_probability": 0.8}),  # schedule=paper is the default
        (["schedule=linear"], {"schedule.shape": "step", "modality_dropout.drop_probability": 0.8}),
        (["search_space=schedules"], {"modality_dropout.drop_probability": 0.8}),
        (
            ["search_space=multiunet", "model=multiunet", "trainer=multiunet"],
            {"schedule.shape": "abrupt", "modality_dropout.policy": "uniform_subset"},
        ),
    ],
)
def test_the_second_trial_differs_from_what_is_configured_in_what_the_paper_has(
    arguments: list[str], changed: dict[str, str]
) -> None:
    config = compose(["cohort=phantoms_thrombus", *arguments])
    searched = SearchSpace.parse(config.search_space, config).outer
    paper = paper_setting(searched)
    if not changed:
        assert paper is None
        return
    assert paper is not None
    configured = searched.given
    assert {path: value for path, value in paper.items() if configured[path] != value} == changed
