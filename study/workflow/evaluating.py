"""Scores a trained network again: on the test subjects of its study, or on another cohort."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from study.cohort.records import Cohort, Splits
from study.commandline.progress import Say, Show
from study.config import CohortConfig, Config, validate
from study.imaging.cache import is_own_cache
from study.machine.runtime import Runtime
from study.records import StudyFolder, TrialFolder, find_winner
from study.records.rows import RowsFile
from study.workflow.networks import load_network
from study.workflow.opening import StudyData, as_seen, open_study

if TYPE_CHECKING:
    from study.imaging.prepared import Prepared
    from study.workflow.judging import Scored

OWN, OTHER = "own", "cohort"
CACHE = "imaging.cache"


def evaluate_trial(
    folder: StudyFolder,
    trial: int | None,
    show: Show,
    *,
    values: Mapping[str, Any] | None = None,
    cohort: Mapping[str, Any] | None = None,
) -> tuple[Config, TrialFolder, RowsFile]:
    """Score a trial's network, center by center and availability subset by availability subset.

    Args:
        folder: of the study.
        trial: number; None selects the winner.
        show: where remarks on the cohort, and its preparation, are shown.
        values: settings that differ from the study's, by dotted path.
        cohort: the configuration section of another cohort; None selects the study's own test subjects.

    Returns:
        The configuration of the evaluation, the trial, and the file with the new rows.

    Raises:
        StudyError: no such complete trial.
        ConfigError: the settings do not fit, or the device is not available.
        CohortError: problems with the scans.
    """
    chosen = find_winner(folder) if trial is None else folder.trial(trial)
    config = folder.trial_config(chosen).with_values(values or {})
    place = None
    if cohort is not None:
        config = _with_cohort(config, cohort)
        place = config.cache_root if CACHE in (values or {}) else _place_to_prepare(config, show.say)
    rows = chosen.evaluation(OWN if cohort is None else OTHER)
    _score(config, folder, chosen, rows, show, place)
    return config, chosen, rows


def _place_to_prepare(config: Config, say: Say) -> Path:
    """The folder that another cohort is prepared in, if the user names none.

    A study may come from a stranger: what its configuration names is read, but written to only if it is a cache of
    this account's own. Otherwise prepared scans could end up in a folder that others read.
    """
    if config.imaging.cache is None or is_own_cache(config.imaging.cache):
        return config.cache_root
    beside = config.study.root / "cache"
    say(
        f"the cohort is prepared in {beside}: the study's {CACHE}, {config.imaging.cache}, is no cache of this "
        f"account; {CACHE}=… names another folder"
    )
    return beside


def _with_cohort(config: Config, other: Mapping[str, Any]) -> Config:
    """The study's configuration with another cohort, limited to the modalities that its network knows.

    Stand-ins and pseudonyms are those of the study unless the other section sets its own.
    """
    known = config.model_dump(mode="json")
    kept = {name: known["cohort"][name] for name in ("modalities", "target")}
    aliases = other.get("modality_aliases", known["cohort"]["modality_aliases"])
    if isinstance(aliases, Mapping):
        aliases = {name: others for name, others in aliases.items() if name in kept["modalities"]}
    names = {name: known["cohort"][name] for name in ("pseudonymise", "pseudonym_key")}
    return validate(known | {"cohort": {**names, **other, **kept, "modality_aliases": aliases}})


def _score(
    config: Config, folder: StudyFolder, trial: TrialFolder, out: RowsFile, show: Show, place: Path | None
) -> None:
    """Write the rows of the study's own test subjects, or of another cohort, which is prepared in `place`."""
    from study.workflow.judging import to_score

    data = open_study(folder, config)
    network, chains = load_network(config, data.plan, trial), trial.fits.chains
    runtime = Runtime.choose(config.trainer.device, config.trainer.precision)
    judge = data.judge(runtime)
    groups = to_score(data, config.cohort.unseen) if place is None else _elsewhere(data, place, show)
    network.to(runtime.device)
    out.write(
        [
            judge.row(trial.number, split, seen, one, availability, one.to_native(probability), chains)
            for split, seen, subjects in groups
            for one, availability, probability in judge.predictions(network, subjects)
        ]
    )


def _elsewhere(data: StudyData, place: Path, show: Show) -> list[Scored]:
    """The subjects of the configured cohort that are scored, in the order of the rows; they are prepared in `place`."""
    from study.cohort import load_cohort
    from study.cohort.remarks import remarks
    from study.imaging.cache import prepare_cohort
    from study.workflow import notes
    from study.workflow.judging import Scored
    from study.workflow.lesion_model import find_lesion_model
    from study.workflow.protocol import imaging_protocol

    config, known = data.config, data.prepared
    cohort = load_cohort(config.cohort, config.phantom_root, show.progress)
    trained_at = {subject.facts.center for subject in data.of(data.splits.train)}
    seen, unseen = _uses(cohort, config.cohort, lambda center: center in trained_at)
    splits = Splits((), (), seen.test, unseen.test, (*seen.control, *unseen.control))
    for remark in remarks(cohort, splits, config.cohort):
        show.say(remark)
    cached = prepare_cohort(
        cohort,
        splits.used,
        imaging_protocol(config),
        place,
        known.spacing_mm,
        known.landmarks,
        find_lesion_model(config),
        skip_faulty=config.cohort.on_error == "skip",
        progress=show.progress,
    )
    for note in notes.without_lesion(cached, config):
        show.say(note)

    def prepared(keys: Sequence[str]) -> list[Prepared]:
        return [as_seen(cached[key], data.plan, config.imputation) for key in keys if key in cached.entries]

    return [
        Scored("test", True, prepared(seen.test)),
        Scored("test", False, prepared(unseen.test)),
        Scored("control", True, prepared(seen.control)),
        Scored("control", False, prepared(unseen.control)),
    ]


class _Uses(NamedTuple):
    """Keys of the subjects that are scored: test subjects, and control scans."""

    test: tuple[str, ...]
    control: tuple[str, ...]


def _uses(cohort: Cohort, section: CohortConfig, is_seen: Callable[[str], bool]) -> tuple[_Uses, _Uses]:
    """Who is scored at seen and at unseen centers: subjects with a reference, control scans unless excluded."""
    from study.cohort.remarks import set_apart

    annotated = [one for one in cohort.subjects if section.target in one.masks]
    controls = {one.key for one in annotated if set_apart(one, section)}

    def at(seen: bool) -> _Uses:
        keys = [one.key for one in annotated if is_seen(one.center) is seen]
        test = tuple(key for key in keys if key not in controls)
        kept = tuple(key for key in keys if key in controls) if section.controls != "exclude" else ()
        return _Uses(test, kept)

    return at(True), at(False)
