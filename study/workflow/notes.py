"""Notes for the user on a prepared cohort, one per line."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict

from models import Plan
from study.cohort.records import Cohort, Splits
from study.config import Config
from study.config.words import number_of
from study.imaging.cache import PreparedCohort
from study.imaging.plausible import implausible
from study.workflow.doubts import evidence_doubts, training_doubts
from study.workflow.feasible import crowd_doubts


def uses(splits: Splits, cohort: Cohort) -> list[str]:
    """The number of subjects for each use, by center."""
    lines = []
    for use, keys in asdict(splits).items():
        counts = Counter(cohort[key].center for key in keys)
        listed = ", ".join(f"{center} {number}" for center, number in sorted(counts.items()))
        if listed or use != "control":
            lines.append(f"{use}: {number_of(len(keys), 'subject')}" + (f" ({listed})" if listed else ""))
    return lines


def doubts(splits: Splits, cohort: Cohort, config: Config, plan: Plan) -> list[str]:
    """What is legal, and perhaps not meant: of the splits, the learning rate, and the memory."""
    centers = {subject.key: subject.center for subject in cohort.subjects}
    evidence = evidence_doubts(config, splits, centers)
    return [*evidence, *training_doubts(config), *crowd_doubts(config, plan)]


def outside(cached: PreparedCohort, config: Config) -> list[str]:
    """The volume of the target outside of the crop, which no network sees."""
    lost = [ml for key in cached if (ml := cached[key].outside_ml) > 0]
    if not lost:
        return []
    what = "box around the brain" if config.imaging.in_plane_crop is None else "imaging.in_plane_crop"
    return [
        f"{config.cohort.target} outside of the {what}, neither trained on nor found: "
        f"{sum(lost):.3g} mL in {len(lost)} of {len(cached)} subjects"
    ]


def without_lesion(cached: PreparedCohort, config: Config) -> list[str]:
    """The number of subjects without a lesion for the step `near_lesion`; empty if no lesion is configured."""
    if config.lesion_source == "none":
        return []
    lacking = sum(cached[key].lesion is None for key in cached)
    return [f"no lesion: near_lesion is skipped for {number_of(lacking, 'subject')}"] if lacking else []


def channels(cached: PreparedCohort, config: Config) -> list[str]:
    """For each computed channel, the number of subjects that have what it is computed from."""
    names = config.imaging.channels
    there: Counter[str] = Counter()
    for key in cached if names else ():
        if (made := cached[key].channels) is not None:
            there.update(names[place] for place in set(made.channels))
    return [f"{name}: computed for {there[name]} of {len(cached)} subjects" for name in names]


def implausible_images(cached: PreparedCohort) -> list[str]:
    """The number of subjects with implausible images; empty if there is none."""
    found = [
        key for key in cached if (measured := cached[key].intensities) is not None and implausible(measured)
    ]
    if not found:
        return []
    return [
        f"implausible images: {len(found)} of {len(cached)} subjects ({', '.join(found[:3])}"
        f"{', …' if len(found) > 3 else ''}); `study.cohort check` says why"
    ]


def planned(skipped: int, spacing_mm: tuple[float, float, float], plan: Plan, config: Config) -> list[str]:
    """The number of skipped subjects, and the planned spacing, network and patch."""
    spacing = " x ".join(f"{value:.3g}" for value in spacing_mm)
    patch = " x ".join(map(str, plan.patch_size))
    lines = [f"skipped because of problems: {number_of(skipped, 'subject')}"] if skipped else []
    return [
        *lines,
        f"spacing {spacing} mm, {config.model.name}: patch {patch} voxels (slices x rows x columns)",
    ]
