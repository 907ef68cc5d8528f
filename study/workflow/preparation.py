"""Prepares a study from its configuration: subjects, splits, spacing, cache."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from models import Plan
from search_spaces.space import SearchSpace
from study.cohort import cohort_hash, load_cohort, split_cohort
from study.cohort.modalities import check_modalities
from study.cohort.pseudonyms import key_file, read_key
from study.cohort.records import Cohort, Splits
from study.cohort.remarks import remarks
from study.config import Config
from study.config.words import number_of
from study.errors import ConfigError, StudyError
from study.imaging.cache import PreparedCohort, prepare_cohort
from study.imaging.fingerprint import fingerprint
from study.imaging.landmarks import learn_landmarks
from study.imaging.lesion import LesionModel
from study.imaging.likeness import IntensityFingerprint
from study.imaging.register import require_registration
from study.machine.progress import Progress, unwatched
from study.records import PreparedStudy, PreparedSubject, StudyFolder
from study.records.prepared import AdoptedNetwork
from study.records.weights import Start
from study.streaming.turns import choose_slots
from study.workflow import notes
from study.workflow.feasible import check_memory
from study.workflow.fresh_brains import brain_notes
from study.workflow.networks import check_network, check_start, plan_network, plan_prepared
from study.workflow.opening import without
from study.workflow.protocol import imaging_protocol


def prepare_study(
    config: Config,
    folder: StudyFolder,
    start: Start | None = None,
    lesion_model: LesionModel | None = None,
    adopted: AdoptedNetwork | None = None,
    check: Callable[[Plan], object] | None = None,
    progress: Progress = unwatched,
) -> list[str]:
    """Read all scans, split, plan, fill the cache, and only then make the study's folder.

    A resumed study keeps its splits and the basis for planning networks; missing entries of its cache are restored.

    Args:
        config: of the study.
        folder: of the study.
        start: weights that its trials start from.
        lesion_model: finds lesions if lesion.source=model.
        adopted: a network trained elsewhere; None if the study trains its own.
        check: raises if the plan of the network is unsuitable, before any file of the study is written; None checks
            the networks that the configuration and its search space describe.
        progress: told of each subject that is simulated, read or prepared.

    Returns:
        Notes for the user, one per line.

    Raises:
        CohortError: every problem of every subject, unless `cohort.on_error=skip`; a modality that no subject has.
        ConfigError: splits, networks or weights do not fit the cohort; the configuration asks for registration and
            ANTs is not installed.
        StudyError: a resumed study's scans have changed.
    """
    if config.imaging.registration == "rigid":
        require_registration()
    known = folder.prepared.read() if folder.config.exists else None
    if known is not None and config.cohort.pseudonymise:
        read_key(key_file(config.cohort))  # a new one would give every subject another name
    cohort = load_cohort(config.cohort, config.phantom_root, progress)
    if known is not None:
        _check_same_subjects(known, cohort, folder)
    if known is None and check is None:
        check_modalities(cohort, config.cohort.modalities)
    base = _base(cohort, config, progress) if known is None else _Base.of(known)
    plans = _plans(config, base, start) if known is None and check is None else []
    cached = _cached(cohort, config, base, lesion_model, progress)
    said = remarks(cohort, base.splits, config.cohort)
    splits = without(base.splits, cached.skipped, "cohort.on_error: skipping the faulty subjects")
    if known is None:
        known = _prepared(base, splits, cohort, cached, config.cohort.modalities, adopted)
        if check is not None:
            check(plan_prepared(config, known))
        _check_slices(plans, cached)
        _write(config, folder, cohort, known, start)
    else:
        _check_same_scans(known, cached, folder)
    plan = plan_prepared(config, known)
    lines = [
        *notes.uses(splits, cohort),
        *said,
        *notes.outside(cached, config),
        *notes.without_lesion(cached, config),
        *notes.channels(cached, config),
        *notes.implausible_images(cached),
        *notes.doubts(splits, cohort, config, plan),
        *brain_notes(known.slots, cached, config),
        *notes.planned(cohort.skipped + len(cached.skipped), base.spacing_mm, plan, config),
    ]
    return [f"  {line}" for line in lines]


@dataclass(frozen=True)
class _Base:
    """What is fixed before any scan is prepared."""

    splits: Splits
    spacing_mm: tuple[float, float, float]
    median_shape: tuple[int, int, int]
    landmarks: dict[str, tuple[float, ...]]
    slots: dict[str, str]

    @classmethod
    def of(cls, known: PreparedStudy) -> _Base:
        """The base of a study that has been prepared."""
        return cls(known.splits, known.spacing_mm, known.median_shape, known.landmarks, known.slots)


def _base(cohort: Cohort, config: Config, progress: Progress) -> _Base:
    splits, protocol = split_cohort(cohort, config.cohort, config.objective.centers), imaging_protocol(config)
    slots = choose_slots(cohort, splits, config.cohort.phantom)
    found = fingerprint(cohort, splits.train, protocol, progress)
    learnt = learn_landmarks(cohort, splits.train, protocol, found.spacing_mm, progress)
    landmarks = {name: tuple(values) for name, values in learnt.items()}
    return _Base(splits, found.spacing_mm, found.median_shape, landmarks, slots)


def _cached(
    cohort: Cohort, config: Config, base: _Base, lesion_model: LesionModel | None, progress: Progress
) -> PreparedCohort:
    return prepare_cohort(
        cohort,
        base.splits.used,
        imaging_protocol(config),
        config.cache_root,
        base.spacing_mm,
        base.landmarks,
        lesion_model,
        skip_faulty=config.cohort.on_error == "skip",
        progress=progress,
    )


def _prepared(
    base: _Base,
    splits: Splits,
    cohort: Cohort,
    cached: PreparedCohort,
    modalities: Sequence[str],
    adopted: AdoptedNetwork | None,
) -> PreparedStudy:
    entries = cached.entries
    measured = [one for key in splits.train if (one := cached[key].intensities) is not None]
    return PreparedStudy(
        splits=splits,
        subjects=tuple(
            PreparedSubject(
                facts=one.facts,
                address=entries[one.key].name if one.key in entries else None,
                modalities=tuple(name for name in modalities if name in one.images),
            )
            for one in cohort.subjects
        ),
        skipped=cohort.skipped,
        spacing_mm=base.spacing_mm,
        median_shape=base.median_shape,
        landmarks=base.landmarks,
        cohort_hash=cohort_hash(cohort, splits),
        adopted=adopted,
        fingerprint=IntensityFingerprint.of(measured) if measured else None,
        slots={key: name for key, name in base.slots.items() if key in splits.train},
    )


def _write(
    config: Config, folder: StudyFolder, cohort: Cohort, prepared: PreparedStudy, start: Start | None
) -> None:
    """Write the study's folder; the configuration comes last, since its presence marks the study as existing."""
    if start is not None:
        folder.start.write(start)
    folder.subjects.write(cohort)
    folder.prepared.write(prepared)
    folder.config.write(config)


def _check_same_subjects(known: PreparedStudy, cohort: Cohort, folder: StudyFolder) -> None:
    """Raise StudyError if a subject that the study uses is not in the cohort any more, or under another name."""
    absent = [key for key in known.splits.used if key not in cohort]
    if not absent:
        return
    remedy = "restore them, or choose another study.name=…"
    if any(subject.pseudonymous for subject in cohort.subjects):
        remedy = "restore the key of the study (cohort.pseudonym_key), or choose another study.name=…"
    raise StudyError(
        f"{folder.path}: {len(absent)} of {len(known.splits.used)} subjects of the study "
        f"({', '.join(absent[:3])}{', …' if len(absent) > 3 else ''}) are not in the cohort; {remedy}"
    )


def _check_same_scans(known: PreparedStudy, cached: PreparedCohort, folder: StudyFolder) -> None:
    """Raise StudyError if the scans differ from those that the study was prepared with."""
    addresses = {one.facts.key: one.address for one in known.used}
    changed = [key for key, entry in cached.entries.items() if addresses.get(key) != entry.name]
    if changed:
        raise StudyError(
            f"{folder.path}: the scans of {number_of(len(changed), 'subject')} ({', '.join(changed[:3])}"
            f"{', …' if len(changed) > 3 else ''}) differ from those that the study was prepared with; "
            "restore the files and the version of fadeout, or choose another study.name=…"
        )


def _plans(config: Config, base: _Base, start: Start | None) -> list[tuple[str, Plan]]:
    """Plan and check the configured network, and those at the extremes of the search space.

    Returns:
        Plans, each after what a complaint about it begins with.

    Raises:
        ConfigError: one does not fit the scans, its technique, its start, or the memory.
    """
    problems: list[str] = []
    plans = []
    for values in [{}, *SearchSpace.parse(config.search_space, config).probes(config, "model.")]:
        chosen = ", ".join(f"{path}={value}" for path, value in values.items())
        where = f"search_space with {chosen}: " if values else ""
        try:
            candidate = config.with_values(values).narrowed()
            plan = plan_network(candidate, base.median_shape, base.spacing_mm)
            check_memory(candidate, plan)
            check_network(candidate, plan)
            if start is not None:
                check_start(start, candidate, plan)
            plans.append((where, plan))
        except ConfigError as error:
            problems += [f"{where}{problem}" for problem in error.problems]
            if not values:
                break
    if problems:
        raise ConfigError(list(dict.fromkeys(problems)))
    return plans


def _check_slices(plans: Sequence[tuple[str, Plan]], cached: PreparedCohort) -> None:
    """Raise ConfigError if a subject has fewer slices than the stack of a network needs."""
    slices = {key: cached[key].grid.shape[0] for key in cached}
    fewest = min(slices, key=slices.__getitem__)
    problems = []
    for where, plan in plans:
        short = sum(count < plan.minimum_slices for count in slices.values())
        if short:
            problems.append(
                f"{where}model.slices: {plan.minimum_slices}, but {short} of {len(slices)} subjects have fewer slices "
                f"at this spacing ({fewest} has {slices[fewest]}); at most {slices[fewest]} would do, "
                "or choose a finer imaging.spacing_mm"
            )
    if problems:
        raise ConfigError(problems)
