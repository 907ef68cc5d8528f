"""Searches the post-processing as a study's configuration describes it."""

from __future__ import annotations

from collections.abc import Sequence

from search_spaces.space import SearchSpace
from study.config import Config
from study.errors import StudyError
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

    Raises:
        StudyError: a step reads an image whose values were not kept.
    """
    space = _space(config)
    _check_images(kept, space.images)
    return search_postprocessing(
        kept, space, config.objective, config.evaluation, config.study.seed, by_half=by_half
    )


def images_to_keep(config: Config) -> tuple[str, ...]:
    """The modalities whose images the post-processing, or its search, reads."""
    return _space(config).images


def _space(config: Config) -> SettingsSpace:
    searched = SearchSpace.parse(config.search_space, config).postprocessing
    return SettingsSpace(searched, config.postprocessing)


def _check_images(kept: Sequence[KeptCase], names: Sequence[str]) -> None:
    """Raise StudyError where a case was given an image that is to be read and has no values of it."""
    for case in kept:
        if lacking := [
            name for name in names if name in case.availability.given and case.image(name) is None
        ]:
            raise StudyError(
                f"{case.key}: the values of {lacking[0]} that postprocessing.steps reads are not kept beside its "
                "probabilities: a trial keeps those that its own steps or its search space name, and this one named "
                "none of it; leave the step out, or run the study anew with it"
            )
