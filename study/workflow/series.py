"""Runs a series: several studies that belong together, one after the other, resumable as a whole."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from study.cohort import plan_cohort
from study.cohort.records import Cohort
from study.commandline.command import Settings
from study.commandline.composition import compose_settings
from study.commandline.progress import Show
from study.commandline.series import Arguments, SeriesFile, settings_of_parts
from study.config import Config
from study.errors import AllFailedError, ConfigError, StudyError
from study.machine.files import atomic
from study.records import StudyFolder

__all__ = ["compose_series", "run_series", "series_page"]

NAME = "study.name"
CENTER, CENTERS = "{center}", "{centers}"


def compose_series(series: SeriesFile, name: str, given: Settings) -> dict[str, Config]:
    """The configuration of each study, by its name within the series.

    Args:
        series: the file.
        name: its name, and that of the studies' folders unless `study.name` is given.
        given: settings of all studies.

    Raises:
        ConfigError: every mistake of every study, each with the study's name.
        CohortError: the cohort cannot be listed.
    """
    prefix = given.pairs.get(NAME, name)
    shared = given._replace(pairs={key: value for key, value in given.pairs.items() if key != NAME})
    parts = _parts(series, shared, prefix)
    composed: dict[str, Config] = {}
    problems: list[str] = []
    for part, settings in settings_of_parts(series, parts, shared).items():
        try:
            composed[part] = compose_settings(
                settings._replace(pairs={**settings.pairs, NAME: f"{prefix}-{part}"})
            )
        except ConfigError as error:
            problems += [f"{part}: {problem}" for problem in error.problems]
    if problems:
        raise ConfigError(problems)
    return composed


def run_series(configs: Mapping[str, Config], show: Show) -> list[StudyFolder]:
    """Run the studies in their order; those that have ended are left as they are.

    A study all of whose trials failed does not keep the others from running.

    Args:
        configs: from `compose_series`.
        show: where progress and closing reports are shown.

    Returns:
        Their folders.

    Raises:
        StudyError: studies exist and `resume` is not set.
        AllFailedError: of some studies all trials failed; the others have ended.
        FadeoutError: as of a single study.
    """
    from study.workflow.study import run_study

    folders = {part: StudyFolder(config.study.root, config.study.name) for part, config in configs.items()}
    there = [config.study.name for part, config in configs.items() if folders[part].config.exists]
    if there and not all(config.resume for config in configs.values()):
        root = next(iter(configs.values())).study.root
        raise StudyError(
            f"study.name: {', '.join(there)} exist{'s' if len(there) == 1 else ''} in {root}; resume the series with "
            "resume=true, or choose another study.name=…"
        )
    failed: list[str] = []
    for nth, (part, config) in enumerate(configs.items(), 1):
        place = f"study {nth} of {len(configs)}, {config.study.name}"
        if has_ended(folders[part], config):
            show.say(f"{place}: has ended before")
            continue
        show.say(f"{place}:")
        try:
            run_study(config, show)
        except AllFailedError as error:
            failed.append(f"{config.study.name}: {error}")
    if failed:
        raise AllFailedError("\n".join(failed))
    return list(folders.values())


def has_ended(folder: StudyFolder, config: Config) -> bool:
    """Whether a study has nothing left to do: all its trials, replicates, ensemble and report are there."""
    summary = folder.summary.read_if_there()
    if summary is None or not folder.report.exists or sum(summary.states.values()) < config.study.trials:
        return False
    again = summary.winner is not None and config.study.replicates > 0
    return not again and not (config.ensemble.members and folder.ensemble.result.read_if_there() is None)


def series_page(folders: list[StudyFolder], path: Path) -> None:
    """Write the page of all studies, side by side."""
    from analysis.report.report import report_page

    with atomic(path) as temporary:
        temporary.write_text(report_page(folders), encoding="utf-8")


def _parts(series: SeriesFile, given: Settings, prefix: str) -> dict[str, Arguments]:
    """The arguments of each study, with names of centers and folders of earlier studies filled in."""
    if series.studies:
        root = Path(given.pairs.get("study.root", "studies"))
        folders = {f"{{{part}}}": str(root / f"{prefix}-{part}") for part in series.studies}
        return {part: _filled(arguments, folders) for part, arguments in series.studies.items()}
    (common,) = settings_of_parts(series, {prefix: ()}, given).values()
    config = compose_settings(common._replace(pairs={**common.pairs, NAME: prefix}))
    cohort = plan_cohort(config.cohort, config.phantom_root)
    if series.each_center:
        return {
            _part_name(center): _filled(series.each_center, {CENTER: _quoted(center)})
            for center in _annotated(cohort, config)
        }
    seen = config.cohort.seen or [
        center for center in _annotated(cohort, config) if center not in config.cohort.unseen
    ]
    return {
        str(count): _filled(series.growing, {CENTERS: f"[{', '.join(map(_quoted, seen[:count]))}]"})
        for count in range(1, len(seen) + 1)
    }


def _annotated(cohort: Cohort, config: Config) -> list[str]:
    """Centers with reference masks, those with most of them first."""
    counts = Counter(one.center for one in cohort.subjects if config.cohort.target in one.masks)
    return sorted(counts, key=lambda center: (-counts[center], center))


def _filled(arguments: Arguments, values: Mapping[str, str]) -> Arguments:
    filled = []
    for argument in arguments:
        for sign, value in values.items():
            argument = argument.replace(sign, value)
        filled.append(argument)
    return tuple(filled)


def _part_name(center: str) -> str:
    """A center's name as it may stand in that of a folder."""
    return re.sub(r"[^A-Za-z0-9_.]+", "-", center).strip("-.") or "center"


def _quoted(center: str) -> str:
    """A center's name as a value of a list."""
    return f"'{center}'" if re.search(r"[^A-Za-z0-9_.-]", center) else center
