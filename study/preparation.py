"""From a configuration to a study that trials can start from: subjects, splits, plan, cache."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from models import Plan, Scans, plan_model
from search_spaces.space import SearchSpace
from study.cohort import cohort_hash, load_cohort, read_splits, split_cohort, write_splits
from study.cohort.records import Cohort, Splits
from study.cohort.remarks import remarks
from study.config import Config
from study.errors import ConfigError
from study.imaging.cache import PreparedCohort, open_prepared, prepare_cohort
from study.imaging.fingerprint import fingerprint
from study.imaging.landmarks import learn_landmarks
from study.imaging.lesion import LesionModel
from study.imaging.prepare import Prepared
from study.imaging.register import require_registration
from study.results import StudyFolder, read_json, write_json
from study.weights import Start, check_network, check_start, write_start


def prepare_study(
    config: Config,
    folder: StudyFolder,
    start: Start | None = None,
    lesion_model: LesionModel | None = None,
) -> list[str]:
    """Read all scans, split, plan, fill the cache, and only then make the study's folder.

    A study that is gone on with keeps its splits and what networks are planned from; its cache is filled again
    where it was lost.

    Args:
        config: of the study.
        folder: of the study.
        start: weights that its trials start from.
        lesion_model: finds lesions, with lesion.source=model.

    Returns:
        Lines that say what was found.

    Raises:
        CohortError: every problem of every subject, unless `cohort.on_error=skip`.
        ConfigError: splits, networks or weights do not fit the cohort; scans are to be registered and ANTs is not
            installed.
    """
    if config.imaging.registration == "rigid":
        require_registration()
    cohort = load_cohort(config)
    known = folder.config.is_file()
    splits = read_splits(folder) if known else split_cohort(cohort, config)
    if known:
        plan = read_json(folder.plan)
        spacing, landmarks = tuple(plan["spacing_mm"]), plan["landmarks"]
    else:
        found = fingerprint(cohort, splits.train, config)
        spacing = found.spacing_mm
        landmarks = learn_landmarks(cohort, splits.train, config, spacing)
    prepared = prepare_cohort(cohort, splits.used, config, spacing, landmarks, lesion_model)
    said = remarks(cohort, splits, config.cohort)
    splits = _without(splits, prepared.skipped, "cohort.on_error: skipping the faulty subjects")
    if not known:
        _check_networks(config, found.median_shape, spacing, prepared, start)
        folder.path.mkdir(parents=True, exist_ok=True)
        if start is not None:
            write_start(folder, start)
        write_splits(folder, cohort, splits)
        write_json(
            folder.plan,
            {
                "spacing_mm": spacing,
                "median_shape": found.median_shape,
                "cache": {key: str(path) for key, path in prepared.entries.items()},
                "centers": {subject.key: subject.center for subject in cohort.subjects},
                "occlusions": {subject.key: subject.occlusion for subject in cohort.subjects},
                "substituted": {subject.key: subject.stand_ins for subject in cohort.subjects},
                "landmarks": landmarks,
                "cohort_hash": cohort_hash(cohort, splits),
            },
        )
        write_json(folder.config, config.model_dump(mode="json"))
    skipped = cohort.skipped + len(prepared.skipped)
    plan_notes = _plan_notes(skipped, read_json(folder.plan), config)
    subjects = [*_outside_notes(prepared, config), *lesion_notes(prepared, config)]
    return [f"  {note}" for note in [*_uses(splits, cohort), *said, *subjects, *plan_notes]]


@dataclass(frozen=True)
class StudyData:
    """What trials learn from and are judged on; arrays are memory-mapped and shared through the page cache.

    Attributes:
        centers, occlusions: of each subject's key; an occlusion is proximal, distal, or "" where not known.
        substituted: "SWAN=SWI" where SWI stands in for SWAN, else "".
        withheld: what a subject has and an independent model is not given, "B0", else "".
    """

    splits: Splits
    plan: Plan
    spacing_mm: tuple[float, float, float]
    subjects: dict[str, Prepared]
    centers: dict[str, str]
    occlusions: dict[str, str]
    substituted: dict[str, str]
    withheld: dict[str, str]

    def prepared(self, keys: Sequence[str]) -> list[Prepared]:
        """The subjects with these keys, in this order."""
        return [self.subjects[key] for key in keys]


def open_study(folder: StudyFolder, config: Config) -> StudyData:
    """What `prepare_study` left, for a trial in any process of this machine.

    Args:
        folder: of the study.
        config: the trial's. Where it is for an independent model (`Config.narrowed`), it is given only the
            model's own modalities, and only the subjects that have all of them.

    Raises:
        ConfigError: the network does not fit the cohort, or no subject has the model's modalities.
    """
    found: dict[str, Any] = read_json(folder.plan)
    splits = read_splits(folder)
    subjects = {key: open_prepared(Path(found["cache"][key]), key) for key in splits.used}
    withheld = dict.fromkeys(splits.used, "")
    modalities = tuple(read_json(folder.config)["cohort"]["modalities"])
    if config.model.inputs is not None:
        inputs = [modalities.index(name) for name in config.cohort.modalities]
        withheld = {
            key: "+".join(
                name
                for name, there in zip(modalities, subject.present, strict=True)
                if there and name not in config.cohort.modalities
            )
            for key, subject in subjects.items()
        }
        subjects = {
            key: subject.select(inputs)
            for key, subject in subjects.items()
            if all(subject.present[index] for index in inputs)
        }
        splits = _without(splits, set(splits.used) - set(subjects), f"model.inputs: {config.model.inputs}")
    plan = plan_network(config, tuple(found["median_shape"]), tuple(found["spacing_mm"]))
    return StudyData(
        splits=splits,
        plan=plan,
        spacing_mm=tuple(found["spacing_mm"]),
        subjects={key: as_seen(subject, plan) for key, subject in subjects.items()},
        centers=found["centers"],
        occlusions=found["occlusions"],
        substituted=found["substituted"],
        withheld=withheld,
    )


def as_seen(prepared: Prepared, plan: Plan) -> Prepared:
    """A subject as a network is given it: all modalities on one grid unless it takes slices of their own."""
    return prepared if plan.takes_own_slices else replace(prepared, own=None)


def plan_network(
    config: Config, median_shape: tuple[int, int, int], spacing_mm: tuple[float, float, float]
) -> Plan:
    """The network's plan, a pure function of the configuration and the training subjects' fingerprint.

    Raises:
        ConfigError: the settings do not fit the scans.
    """
    # Co-training sends the full and the reduced input through the network together.
    together = config.trainer.batch_size * (2 if config.cotraining.enabled else 1)
    scans = Scans(config.inputs, median_shape, spacing_mm, together)
    try:
        return plan_model(config.model.name, config.model.model_dump(), scans)
    except ValueError as error:
        raise ConfigError([str(error)]) from None


def _check_networks(
    config: Config,
    median_shape: tuple[int, int, int],
    spacing_mm: tuple[float, float, float],
    prepared: PreparedCohort,
    start: Start | None,
) -> None:
    """Plan and check the configured network, and those at the ends of what the search space may choose."""
    problems: list[str] = []
    for values in [{}, *SearchSpace.parse(config.search_space, config).probes(config, "model.")]:
        try:
            candidate = config.with_values(values).narrowed()
            plan = plan_network(candidate, median_shape, spacing_mm)
            check_network(candidate, plan)
            _check_slices(plan, prepared)
            if start is not None:
                check_start(start, candidate, plan)
        except ConfigError as error:
            chosen = ", ".join(f"{path}={value}" for path, value in values.items())
            where = f"search_space with {chosen}: " if values else ""
            problems += [f"{where}{problem}" for problem in error.problems]
            if not values:
                break
    if problems:
        raise ConfigError(list(dict.fromkeys(problems)))


def _check_slices(plan: Plan, prepared: PreparedCohort) -> None:
    """Networks that run over a stack of slices need subjects that have so many."""
    slices = {key: prepared[key].grid.shape[0] for key in prepared}
    fewest = min(slices, key=slices.__getitem__)
    if slices[fewest] < plan.minimum_slices:
        short = sum(count < plan.minimum_slices for count in slices.values())
        raise ConfigError(
            [
                f"model.slices: {plan.minimum_slices}, but {short} of {len(slices)} subjects have fewer slices at "
                f"this spacing ({fewest} has {slices[fewest]}); at most {slices[fewest]} would do, "
                "or choose a finer imaging.spacing_mm"
            ]
        )


def _without(splits: Splits, gone: Collection[str], reason: str) -> Splits:
    kept = Splits(
        *(
            tuple(key for key in keys if key not in gone)
            for keys in (splits.train, splits.validation, splits.test, splits.unseen, splits.control)
        )
    )
    if not (kept.train and kept.validation):
        raise ConfigError([f"{reason}: too few subjects are left, nobody to train or to validate on"])
    return kept


def _uses(splits: Splits, cohort: Cohort) -> list[str]:
    """How many subjects are used for what."""
    lines = []
    for use, keys in asdict(splits).items():
        counts = Counter(cohort[key].center for key in keys)
        listed = ", ".join(f"{center} {number}" for center, number in sorted(counts.items()))
        if listed or use != "control":
            lines.append(f"{use}: {len(keys)} subjects" + (f" ({listed})" if listed else ""))
    return lines


def _outside_notes(prepared: PreparedCohort, config: Config) -> list[str]:
    """How much of the target no network can be given."""
    outside = [ml for key in prepared if (ml := prepared[key].outside_ml) > 0]
    if not outside:
        return []
    what = "box around the brain" if config.imaging.in_plane_crop is None else "imaging.in_plane_crop"
    return [
        f"{config.cohort.target} outside of the {what}, neither learnt nor found: "
        f"{sum(outside):.3g} mL in {len(outside)} of {len(prepared)} subjects"
    ]


def _plan_notes(skipped: int, plan: dict[str, Any], config: Config) -> list[str]:
    planned = plan_network(config, tuple(plan["median_shape"]), tuple(plan["spacing_mm"]))
    spacing = " x ".join(f"{value:.3g}" for value in plan["spacing_mm"])
    patch = " x ".join(map(str, planned.patch_size))
    lines = [f"skipped because of problems: {skipped} subjects"] if skipped else []
    return [
        *lines,
        f"spacing {spacing} mm, {config.model.name}: patch {patch} voxels (slices x rows x columns)",
    ]


def lesion_notes(prepared: PreparedCohort, config: Config) -> list[str]:
    """How many subjects have no lesion for the step that looks for one; nothing where none was asked for."""
    if config.lesion_source == "none":
        return []
    without = sum(prepared[key].lesion is None for key in prepared)
    return [f"no lesion: near_lesion is skipped for {without} subjects"] if without else []
