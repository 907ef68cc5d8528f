"""What tests of search spaces share."""

from __future__ import annotations

from typing import Any

import optuna
import pytest

from search_spaces import SearchSpace
from study.config import Config, validate
from study.errors import ConfigError


def configure(**sections: Any) -> Config:
    return validate({"study": {"name": "s"}, **sections})


def draw(space: SearchSpace, number: int = 1, seed: int = 0) -> list[dict[str, Any]]:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed))
    return [space.suggest(study.ask()) for _ in range(number)]


def refuse(content: dict[str, Any], config: Config | None = None) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        SearchSpace.parse(content, config or configure())
    return list(caught.value.problems)


def one(section: str, name: str, **leaf: Any) -> dict[str, Any]:
    return {section: {name: leaf}}


SYSTEMS = {
    "model": {
        "name": {"type": "categorical", "choices": ["nnunet", "lstm"], "in_turn": True},
        "recurrent": {
            "kind": {
                "type": "categorical",
                "choices": ["llstm", "clstm"],
                "in_turn": True,
                "when": {"model.name": ["lstm"]},
            }
        },
    },
    "trainer": {"learning_rate": {"type": "float", "low": 0.001, "high": 0.1}},
}
