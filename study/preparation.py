"""From a configuration to a study that trials can start from: subjects, splits, plan, cache."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.planning import NetworkPlan, plan_network
from study.cohort import cohort_hash, load_cohort, read_splits, split_cohort, write_splits
from study.cohort.records import Cohort, Splits
from study.config import Config
from study.errors import ConfigError
from study.imaging.cache import open_prepared, prepare_cohort
from study.imaging.fingerprint import fingerprint
from study.imaging.landmarks import learn_landmarks
from study.imaging.prepare import Prepared
from study.results import StudyFolder, read_json, write_json


def prepare_study(config: Config, folder: StudyFolder) -> list[str]:
    """Read all scans, split, plan, fill the cache, and only then make the study's folder.

    A study that is gone on with keeps its splits and its plan; its cache is filled again where it was lost.

    Returns:
        Lines that say what was found.

    Raises:
        CohortError: every problem of every subject, unless `cohort.on_error=skip`.
        ConfigError: splits or plan do not fit the cohort.
    """
    cohort = load_cohort(config)
    known = folder.config.is_file()
    splits = read_splits(folder) if known else split_cohort(cohort, config)
    used = (*splits.train, *splits.validation, *splits.test, *splits.unseen)
    if known:
        plan = read_json(folder.plan)
        spacing, landmarks = tuple(plan["spacing_mm"]), plan["landmarks"]
    else:
        found = fingerprint(cohort, splits.train, config)
        spacing = found.spacing_mm
        landmarks = learn_landmarks(cohort, splits.train, config, spacing)
    prepared = prepare_cohort(cohort, used, config, spacing, landmarks)
    splits = _without(splits, prepared.skipped)
    if not known:
        network = plan_for(config, found.median_shape, spacing)
        folder.path.mkdir(parents=True, exist_ok=True)
        write_splits(folder, cohort, splits)
        write_json(
            folder.plan,
            {
                "spacing_mm": spacing,
                "network": network.to_dict(),
                "cache": {key: str(path) for key, path in prepared.entries.items()},
                "centers": {subject.key: subject.center for subject in cohort.subjects},
                "landmarks": landmarks,
                "cohort_hash": cohort_hash(cohort, splits),
            },
        )
        write_json(folder.config, config.model_dump(mode="json"))
    return _notes(cohort, splits, len(prepared.skipped), read_json(folder.plan))


@dataclass(frozen=True)
class StudyData:
    """What trials learn from and are judged on; arrays are memory-mapped and shared through the page cache."""

    splits: Splits
    network: NetworkPlan
    spacing_mm: tuple[float, float, float]
    subjects: dict[str, Prepared]
    centers: dict[str, str]

    def prepared(self, keys: Sequence[str]) -> list[Prepared]:
        """The subjects with these keys, in this order."""
        return [self.subjects[key] for key in keys]


def open_study(folder: StudyFolder) -> StudyData:
    """What `prepare_study` left, for a trial in any process of this machine."""
    plan: dict[str, Any] = read_json(folder.plan)
    splits = read_splits(folder)
    used = (*splits.train, *splits.validation, *splits.test, *splits.unseen)
    return StudyData(
        splits=splits,
        network=NetworkPlan.from_dict(plan["network"]),
        spacing_mm=tuple(plan["spacing_mm"]),
        subjects={key: open_prepared(Path(plan["cache"][key]), key) for key in used},
        centers=plan["centers"],
    )


def plan_for(
    config: Config, median_shape: tuple[int, int, int], spacing_mm: tuple[float, float, float]
) -> NetworkPlan:
    model = config.model
    try:
        return plan_network(
            model.name,
            median_shape=median_shape,
            spacing_mm=spacing_mm,
            n_inputs=len(config.cohort.modalities),
            base_channels=model.base_channels,
            max_channels=model.max_channels,
            stages=model.stages,
            patch_size=model.patch_size,
            batch_size=config.trainer.batch_size,
            memory_gb=model.memory_gb,
            deep_supervision=model.deep_supervision,
        )
    except ValueError as error:
        raise ConfigError([str(error)]) from None


def _without(splits: Splits, skipped: Sequence[str]) -> Splits:
    gone = set(skipped)
    kept = Splits(
        *(
            tuple(key for key in keys if key not in gone)
            for keys in (splits.train, splits.validation, splits.test, splits.unseen)
        )
    )
    if not (kept.train and kept.validation):
        raise ConfigError(
            ["cohort.on_error: skipping the faulty subjects leaves nobody to train or to validate on"]
        )
    return kept


def _notes(cohort: Cohort, splits: Splits, skipped: int, plan: dict[str, Any]) -> list[str]:
    uses = {
        "train": splits.train,
        "validation": splits.validation,
        "test": splits.test,
        "unseen": splits.unseen,
    }
    counts = {use: Counter(plan["centers"][key] for key in keys) for use, keys in uses.items()}
    lines = [
        f"  {use}: {sum(found.values())} subjects"
        + (
            f" ({', '.join(f'{center} {number}' for center, number in sorted(found.items()))})"
            if found
            else ""
        )
        for use, found in counts.items()
    ]
    unused = len(cohort.subjects) - sum(len(keys) for keys in uses.values()) - skipped
    if unused:
        lines.append(f"  no reference mask: {unused} subjects")
    if skipped + cohort.skipped:
        lines.append(f"  skipped because of problems: {skipped + cohort.skipped} subjects")
    spacing = " x ".join(f"{value:.3g}" for value in plan["spacing_mm"])
    patch = " x ".join(map(str, plan["network"]["patch_size"]))
    lines.append(f"  spacing {spacing} mm, patch {patch} voxels (slices x rows x columns)")
    return lines
