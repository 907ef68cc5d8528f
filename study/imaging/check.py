"""What a cohort's files hold, and everything that is wrong with them, before a study is started."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from statistics import median

from study.cohort.records import Cohort, Subject
from study.config import Config
from study.errors import CohortError, Problem
from study.imaging.geometry import context_fault, describe, same_grid
from study.imaging.prepare import stack
from study.imaging.read import read_mask
from study.imaging.register import moved, require_registration
from study.imaging.scan import Scan, read_scan
from study.imaging.volume import Grid, Volume
from study.parallel import map_processes

MOST_GRIDS = 8  # listed per center


@dataclass(frozen=True)
class SubjectReport:
    """One subject's files: which modalities on which grids, mask volumes in mL, problems; and what is known of it."""

    center: str
    occlusion: str
    control: bool
    substituted: Mapping[str, str]
    modalities: tuple[str, ...]
    grids: Mapping[str, Grid]
    volumes_ml: Mapping[str, float]
    problems: tuple[Problem, ...]


@dataclass(frozen=True)
class CheckReport:
    """All subjects' reports, and problems found before any file was opened."""

    subjects: tuple[SubjectReport, ...]
    listing_problems: tuple[Problem, ...]

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Everything that is wrong."""
        return self.listing_problems + tuple(problem for one in self.subjects for problem in one.problems)

    def lines(self) -> Iterator[str]:
        """For the terminal: a block per center, then every problem."""
        for center in sorted({one.center for one in self.subjects}):
            yield from _center_lines(center, [one for one in self.subjects if one.center == center])
            yield ""
        centers = len({one.center for one in self.subjects})
        yield f"{len(self.subjects)} subjects, {centers} centers, {len(self.problems)} problems"
        yield from (f"  {problem}" for problem in self.problems)


def check_cohort(cohort: Cohort, config: Config) -> CheckReport:
    """Read every image and mask of every subject, in parallel, and run every check of the preparation.

    Raises ConfigError if they are to be registered and ANTs is not installed.
    """
    if config.imaging.registration == "rigid":
        require_registration()
    reports = map_processes(partial(_inspect, config=config), cohort.subjects)
    return CheckReport(tuple(reports), cohort.problems)


def _inspect(subject: Subject, config: Config) -> SubjectReport:
    """One subject with all its modalities, those too that the study does not use."""
    known = config.cohort.modalities
    modalities = (*known, *sorted(set(subject.images) - set(known)))
    present = tuple(modality for modality in modalities if modality in subject.images)
    target, settings = config.cohort.target, config.imaging
    try:
        scan = read_scan(
            subject.images,
            modalities,
            settings.reference,
            subject.masks,
            target,
            subject.id,
            registration=settings.registration,
        )
    except CohortError as error:
        return _report(subject, present, {}, {}, error.problems)
    stacked = stack(scan, None, settings)
    masks, mask_problems = _other_masks(subject, scan, config)
    if scan.target:
        masks = {target: scan.target} | masks
    grids = {modality: volume.grid for modality, volume in scan.volumes.items()}
    volumes_ml = {
        name: float(mask.data.sum(dtype=int)) * mask.grid.voxel_volume_ml for name, mask in masks.items()
    }
    problems = (*scan.problems, *stacked.problems, *mask_problems)
    return _report(subject, present, grids, volumes_ml, problems)


def _report(
    subject: Subject,
    present: tuple[str, ...],
    grids: Mapping[str, Grid],
    volumes_ml: Mapping[str, float],
    problems: tuple[Problem, ...],
) -> SubjectReport:
    return SubjectReport(
        center=subject.center,
        occlusion=subject.occlusion,
        control=subject.control,
        substituted=subject.substituted,
        modalities=present,
        grids=grids,
        volumes_ml=volumes_ml,
        problems=problems,
    )


def _other_masks(subject: Subject, scan: Scan, config: Config) -> tuple[dict[str, Volume], list[Problem]]:
    """Masks that are neither the brain nor the target: they must lie on the grid of one of the modalities.

    A lesion that the study takes from its file may lie on another grid that fits.
    """
    masks: dict[str, Volume] = {}
    problems: list[Problem] = []
    grids = [volume.grid for volume in scan.volumes.values()]
    for name in sorted(set(subject.masks) - {"brain", config.cohort.target}):
        path = subject.masks[name]
        try:
            read = read_mask(path, subject.id)
        except CohortError as error:
            problems.extend(error.problems)
            continue
        masks[name] = Volume(read.data, moved(read.grid, scan.motions))
        grid = masks[name].grid
        if name in config.used_masks:
            what = context_fault(grid, scan.native, grids)
        elif any(same_grid(grid, other) for other in grids):
            what = None
        else:
            what = f"the mask lies on another grid than every image: {describe(grid)}"
        if what:
            remedy = "bring it onto the grid of the image that it was drawn on with nearest neighbour"
            problems.append(Problem(subject.id, path, what, remedy))
    return masks, problems


def _center_lines(center: str, subjects: list[SubjectReport]) -> Iterator[str]:
    yield f"{center}: {len(subjects)} subjects"
    counts = Counter(modality for one in subjects for modality in one.modalities)
    yield "  modalities  " + ", ".join(f"{name} {count}" for name, count in counts.items())
    yield from _known_lines(subjects)
    grids: dict[str, Counter[str]] = {}
    for one in subjects:
        for modality, grid in one.grids.items():
            grids.setdefault(describe(grid), Counter())[modality] += 1
    ordered = sorted(grids.items(), key=lambda item: -item[1].total())
    for text, found in ordered[:MOST_GRIDS]:
        yield f"  grid        {text}: " + ", ".join(f"{name} {count}" for name, count in found.items())
    if len(ordered) > MOST_GRIDS:
        yield f"  grid        and {len(ordered) - MOST_GRIDS} more"
    for name in sorted({name for one in subjects for name in one.volumes_ml}):
        volumes = [one.volumes_ml[name] for one in subjects if name in one.volumes_ml]
        filled = [volume for volume in volumes if volume > 0]
        sizes = f", median {median(filled):.2f} mL ({min(filled):.2f} to {max(filled):.2f})" if filled else ""
        yield f"  {name:<11} {len(volumes)} masks, {len(volumes) - len(filled)} empty{sizes}"


def _known_lines(subjects: list[SubjectReport]) -> Iterator[str]:
    """Where clots sit, how many scans are controls, and what stands in for what; nothing where nothing is told."""
    occlusions = Counter(one.occlusion or "not told" for one in subjects if not one.control)
    if set(occlusions) - {"not told"}:
        yield "  occlusions  " + ", ".join(f"{name} {count}" for name, count in sorted(occlusions.items()))
    if controls := sum(one.control for one in subjects):
        yield f"  controls    {controls} scans"
    pairs = Counter(pair for one in subjects for pair in one.substituted.items())
    for (modality, other), count in sorted(pairs.items()):
        yield f"  stand-ins   {other} for {modality} {count}"
