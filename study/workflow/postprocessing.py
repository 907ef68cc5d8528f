"""Searches the post-processing as a study's configuration describes it."""

from __future__ import annotations

from collections.abc import Sequence

from search_spaces.space import SearchSpace
from study.config import Config
from study.evaluation.fit import PostprocessingFit
from study.evaluation.kept import KeptCase
from study.evaluation.search import search_postprocessing
from study.evaluation.settings_space import SettingsSpace


def fit_postprocessing(
    kept: Sequence[KeptCase],
    config: Config,
    by_half: tuple[Sequence[KeptCase], Sequence[KeptCase]] | None = None,
) -> PostprocessingFit:
    """Search the `postprocessing` part of the configuration's search space on kept validation probabilities.

    `by_half` is that of `search_postprocessing`.
    """
    searched = SearchSpace.parse(config.search_space, config).postprocessing
    space = SettingsSpace(searched, config.postprocessing)
    return search_postprocessing(
        kept, space, config.objective, config.evaluation, config.study.seed, by_half=by_half
    )
