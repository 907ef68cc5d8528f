"""From a configuration to what its search runs."""

from __future__ import annotations

from search_spaces import SearchSpace
from study.config import Config
from study.tuning.search_plan import SearchPlan


def search_plan(config: Config) -> SearchPlan:
    """What the search of a study runs."""
    return SearchPlan(
        study=config.study,
        trainer=config.trainer,
        tuning=config.tuning,
        objective=config.objective,
        schedule=config.schedule,
        dropout=config.modality_dropout,
        space=SearchSpace.parse(config.search_space, config).outer,
        cluster=config.cluster,
        cache=config.cache_root.absolute(),
        settings=config.model_dump(mode="json"),
    )
