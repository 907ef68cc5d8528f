"""Searches the post-processing of a finished trial again, on its kept probabilities, without scans or networks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from search_spaces import SearchSpace
from study.config import Config, validate
from study.errors import ConfigError, StudyError
from study.evaluation.chains import Chains
from study.evaluation.fit import PostprocessingFit
from study.machine.files import atomic
from study.records import StudyFolder, TrialFolder, complete_trial, complete_trials, find_winner
from study.workflow.postprocessing import fit_postprocessing


@dataclass(frozen=True)
class Refit:
    """The result of a new search for one trial.

    Attributes:
        trial: whose post-processing was searched.
        fit: the result of the search.
        number: of the fit in the trial's folder.
        files: the written files.
        lines: the result in words.
    """

    trial: TrialFolder
    fit: PostprocessingFit
    number: int
    files: tuple[Path, ...]
    lines: tuple[str, ...]


def trials_named(folder: StudyFolder, named: int | Literal["all"] | None) -> list[TrialFolder]:
    """The trials that a user selects: one by number, all complete ones by `all`, or the winner by None.

    Raises:
        StudyError: there is no such complete trial.
    """
    if named == "all":
        return complete_trials(folder)
    return [find_winner(folder) if named is None else complete_trial(folder, named)]


def refit(trial: TrialFolder, space: Any | None, changes: Mapping[str, Any], out: Path | None) -> Refit:
    """Search a trial's post-processing again, and write the result beside the trial.

    Args:
        trial: a complete trial.
        space: the `postprocessing` part of a search space; None keeps the study's.
        changes: settings by section that differ from the trial's, nested.
        out: path of the figure; None puts it beside the fit.

    Raises:
        ConfigError: the settings do not fit.
        StudyError: the trial has no kept probabilities.
    """
    config = _changed(trial.study.trial_config(trial), space, changes)
    fit = _search(trial, config)
    number = trial.fits.add(fit, _asked(config))
    files = trial.fits.path(number), _draw(trial, fit, number, out)
    return Refit(trial, fit, number, files, tuple(_lines(trial, config, fit)))


def _changed(config: Config, space: Any | None, changes: Mapping[str, Any]) -> Config:
    """The trial's configuration with the changes, and with the values that the space fixes."""
    content = config.model_dump(mode="json")
    if space is not None:
        content["search_space"] = {**content["search_space"], "postprocessing": space}
    changed = validate(_merged(content, changes))
    fixed = SearchSpace.parse(changed.search_space, changed).postprocessing.fixed
    return changed.with_values(fixed)


def _merged(content: Any, wanted: Any) -> Any:
    """Nested content updated with other values; a search space entry that has a type replaces the former one."""
    if not isinstance(content, Mapping) or not isinstance(wanted, Mapping) or "type" in wanted:
        return wanted
    return {**content, **{key: _merged(content.get(key), value) for key, value in wanted.items()}}


def _search(trial: TrialFolder, config: Config) -> PostprocessingFit:
    kept = trial.kept.read()
    if not kept:
        raise StudyError(
            f"trial {trial.number}: no kept probabilities in {trial.kept.path}; the search cannot run "
            "without them"
        )
    fit = fit_postprocessing(kept, config)
    if fit.subjects == 0:
        centers = ", ".join(sorted({case.center for case in kept}))
        raise ConfigError([f"objective.centers: no validation subject there; validated were {centers}"])
    return fit


def _asked(config: Config) -> dict[str, Any]:
    """The settings that the search reads, by section."""
    content = config.model_dump(mode="json")
    asked = {section: content[section] for section in ("objective", "postprocessing", "evaluation")}
    asked["search_space"] = {"postprocessing": config.search_space.get("postprocessing", {})}
    asked["study"] = {"seed": config.study.seed}
    return asked


def _draw(trial: TrialFolder, fit: PostprocessingFit, number: int, out: Path | None) -> Path:
    """Draw the curves, beside the fit or at the user's path; returns the path."""
    from analysis.figures import postprocessing_figure

    figure = postprocessing_figure(fit)
    if out is None:
        return trial.fits.draw(number, figure)
    with atomic(out) as temporary:
        figure.savefig(temporary, format=out.suffix[1:], dpi=120)
    return out


def _lines(trial: TrialFolder, config: Config, fit: PostprocessingFit) -> Iterator[str]:
    """What was searched and found, in words."""
    from analysis.rendering import shown_interval

    sampler = config.evaluation.postprocessing_sampler
    tried = (
        f"all {fit.trials} settings of the space"
        if fit.exhaustive
        else f"{fit.tried} settings from {sampler}"
    )
    yield f"trial {trial.number}: {fit.subjects} validation subjects, {tried if fit.trials else 'nothing'} tried"
    yield f"  default: objective {fit.default_score:.3f}"
    yield from _in_words(fit.default)
    if not fit.trials:
        return
    yield f"  best: objective {fit.fitted_score:.3f} on the subjects it was fitted on"
    yield from _in_words(fit.fitted)
    noise = ", within noise" if fit.within_noise else ""
    yield (
        f"  cross-fitted: objective {fit.crossfit_score:.3f}, gain {fit.gain:+.3f} "
        f"(95 % {shown_interval(fit.gain_interval, signed=True)}{noise})"
    )
    if fit.best == fit.default:
        yield "  the default is kept: settings fitted on one half of the subjects gain nothing on the other"


def _in_words(chains: Chains) -> Iterator[str]:
    for whom, steps in chains.in_words().items():
        yield f"    for {whom}: {'; '.join(steps)}"


def ranked(refits: Sequence[Refit]) -> str:
    """The trials ranked by the new objective, as text."""
    order = sorted(refits, key=lambda one: (-one.fit.value, one.trial.number))
    return ", ".join(f"trial {one.trial.number} {one.fit.value:.3f}" for one in order)
