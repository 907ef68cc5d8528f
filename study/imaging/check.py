"""What a cohort's files hold and everything that is wrong with them, before a study starts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from statistics import median

from study.cohort.modalities import absent_modalities, rare_modalities
from study.cohort.records import Cohort, Subject
from study.config.words import number_of
from study.errors import CohortError, Problem, Remark
from study.imaging.geometry import context_fault, describe, same_grid
from study.imaging.intensities import Intensities
from study.imaging.measure import measure
from study.imaging.plausible import OVERRIDE
from study.imaging.protocol import ImagingProtocol
from study.imaging.read import read_mask
from study.imaging.register import moved, require_registration
from study.imaging.scan import Scan, read_scan
from study.imaging.stack import stack
from study.imaging.suspects import suspicious
from study.imaging.volume import Grid, Volume
from study.machine.processes import map_processes
from study.machine.progress import Progress, unwatched

MOST_GRIDS = 8  # listed per center


@dataclass(frozen=True)
class SubjectReport:
    """What one subject's files hold.

    Attributes:
        subject: whose files they are.
        modalities: that it has.
        grids: by modality, of those that can be read.
        volumes_ml: by mask.
        problems: everything that is wrong with the files.
        warnings: what is implausible about the images, and may be right all the same.
        intensities: of the images; None if they cannot be read.
    """

    subject: Subject
    modalities: tuple[str, ...]
    grids: Mapping[str, Grid]
    volumes_ml: Mapping[str, float]
    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...] = ()
    intensities: Intensities | None = None

    @property
    def center(self) -> str:
        """Where the subject was acquired."""
        return self.subject.center


@dataclass(frozen=True)
class CheckReport:
    """All subjects' reports, and problems and remarks from before any file was opened."""

    subjects: tuple[SubjectReport, ...]
    listing_problems: tuple[Problem, ...]
    remarks: tuple[Remark, ...] = ()

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Everything that is wrong."""
        return self.listing_problems + tuple(problem for one in self.subjects for problem in one.problems)

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """Everything implausible that may be right all the same."""
        return tuple(warning for one in self.subjects for warning in one.warnings)

    def lines(self) -> Iterator[str]:
        """For the terminal: a block per center, then every remark, every problem and every warning."""
        for center in sorted({one.center for one in self.subjects}):
            yield from _center_lines(center, [one for one in self.subjects if one.center == center])
            yield ""
        if self.remarks:
            yield from ("Please note:", *(f"  {remark}" for remark in self.remarks), "")
        centers = len({one.center for one in self.subjects})
        found = ((len(self.subjects), "subject"), (centers, "center"), (len(self.problems), "problem"))
        counts = ", ".join(number_of(count, noun) for count, noun in found)
        warnings = f", {number_of(len(self.warnings), 'warning')}" if self.warnings else ""
        yield f"{counts}{warnings}"
        yield from (f"  {problem}" for problem in self.problems)
        yield from (f"  warning: {warning}" for warning in self.warnings)


def check_cohort(cohort: Cohort, protocol: ImagingProtocol, progress: Progress = unwatched) -> CheckReport:
    """Read every image and mask of every subject, in parallel, and run every check of the preparation.

    `progress` is told of each subject that is read.

    Raises:
        ConfigError: subjects are to be registered and ANTs is not installed.
    """
    if protocol.settings.registration == "rigid":
        require_registration()
    inspect = partial(_inspect, protocol=protocol)
    inspected = map_processes(inspect, cohort.subjects, "reading subjects", progress)
    reports = _judged(inspected, strict=protocol.settings.implausible == "error")
    told = (
        replace(report, problems=cohort.shown(report.problems), warnings=cohort.shown(report.warnings))
        for report in reports
    )
    absent = absent_modalities(cohort, protocol.modalities)
    rare = rare_modalities(cohort.subjects, protocol.modalities, "subjects") if not absent else ()
    return CheckReport(tuple(told), (*cohort.problems, *absent), (*cohort.remarks, *rare))


def _inspect(subject: Subject, protocol: ImagingProtocol) -> SubjectReport:
    """One subject with all its modalities, including those that the study does not use."""
    known = protocol.modalities
    modalities = (*known, *sorted(set(subject.images) - set(known)))
    present = tuple(modality for modality in modalities if modality in subject.images)
    target, settings = protocol.target, protocol.settings
    try:
        scan = read_scan(
            subject.images,
            modalities,
            settings.reference,
            subject.masks,
            target,
            subject.label,
            registration=settings.registration,
            most_voxels=settings.most_voxels,
            labels=subject.labels,
        )
        stacked = stack(scan, None, settings)
    except CohortError as error:
        return SubjectReport(subject, present, {}, {}, error.problems)
    masks, mask_problems = _other_masks(subject, scan, protocol)
    if scan.target:
        masks = {target: scan.target} | masks
    grids = {modality: volume.grid for modality, volume in scan.volumes.items()}
    volumes_ml = {
        name: float(mask.data.sum(dtype=int)) * mask.grid.voxel_volume_ml for name, mask in masks.items()
    }
    problems = (*scan.problems, *stacked.problems, *mask_problems)
    return SubjectReport(
        subject, present, grids, volumes_ml, problems, intensities=measure(scan.volumes, stacked)
    )


def _judged(reports: Sequence[SubjectReport], *, strict: bool) -> Iterator[SubjectReport]:
    """The reports, with what is implausible about the images; if it is certain and `strict`, as a problem.

    Where other things are wrong with a subject, only what is certain is said of its images.
    """
    measured = [one.intensities for one in reports if one.intensities is not None]
    findings = suspicious(measured)
    for one in reports:
        found = () if one.intensities is None else next(findings)
        label, files = one.subject.label, one.subject.images
        mistakes = [each.problem(label, files, OVERRIDE) for each in found if strict and each.certain]
        rest = [each for each in found if each.certain or not one.problems]
        warnings = [each.problem(label, files) for each in rest if not (strict and each.certain)]
        yield replace(one, problems=(*one.problems, *mistakes), warnings=tuple(warnings))


def _other_masks(
    subject: Subject, scan: Scan, protocol: ImagingProtocol
) -> tuple[dict[str, Volume], list[Problem]]:
    """Masks that are neither the brain nor the target, and the problems of those that are misplaced."""
    masks: dict[str, Volume] = {}
    problems: list[Problem] = []
    for name in sorted(set(subject.masks) - {"brain", protocol.target}):
        path = subject.masks[name]
        try:
            read = read_mask(path, subject.label, protocol.settings.most_voxels)
        except CohortError as error:
            problems.extend(error.problems)
            continue
        masks[name] = Volume(read.data, moved(read.grid, scan.motions))
        if what := _mask_fault(masks[name].grid, scan, may_fit=name in protocol.masks):
            remedy = "bring it onto the grid of the image that it was drawn on with nearest neighbour"
            problems.append(Problem(subject.label, path, what, remedy))
    return masks, problems


def _mask_fault(grid: Grid, scan: Scan, *, may_fit: bool) -> str | None:
    """Why a mask is misplaced; None if it lies on an image's grid or, where it may, on one that fits."""
    grids = [volume.grid for volume in scan.volumes.values()]
    if may_fit:
        return context_fault(grid, scan.native, grids)
    if any(same_grid(grid, other) for other in grids):
        return None
    return f"the mask lies on another grid than every image: {describe(grid)}"


def _center_lines(center: str, subjects: list[SubjectReport]) -> Iterator[str]:
    yield f"{center}: {number_of(len(subjects), 'subject')}"
    counts = Counter(modality for one in subjects for modality in one.modalities)
    yield "  modalities  " + ", ".join(f"{name} {count}" for name, count in counts.items())
    yield from _known_lines(subjects)
    yield from _grid_lines(subjects)
    for name in sorted({name for one in subjects for name in one.volumes_ml}):
        volumes = [one.volumes_ml[name] for one in subjects if name in one.volumes_ml]
        filled = [volume for volume in volumes if volume > 0]
        sizes = f", median {median(filled):.2f} mL ({min(filled):.2f} to {max(filled):.2f})" if filled else ""
        yield f"  {name:<11} {len(volumes)} masks, {len(volumes) - len(filled)} empty{sizes}"


def _grid_lines(subjects: list[SubjectReport]) -> Iterator[str]:
    """The most frequent grids, with their modalities."""
    grids: dict[str, Counter[str]] = {}
    for one in subjects:
        for modality, grid in one.grids.items():
            grids.setdefault(describe(grid), Counter())[modality] += 1
    ordered = sorted(grids.items(), key=lambda item: -item[1].total())
    for text, found in ordered[:MOST_GRIDS]:
        yield f"  grid        {text}: " + ", ".join(f"{name} {count}" for name, count in found.items())
    if len(ordered) > MOST_GRIDS:
        yield f"  grid        and {len(ordered) - MOST_GRIDS} more"


def _known_lines(subjects: list[SubjectReport]) -> Iterator[str]:
    """Counts of occlusions, controls and stand-ins; nothing where the tables say nothing of them."""
    known = [one.subject for one in subjects]
    occlusions = Counter(one.occlusion or "not told" for one in known if not one.control)
    if set(occlusions) - {"not told"}:
        yield "  occlusions  " + ", ".join(f"{name} {count}" for name, count in sorted(occlusions.items()))
    if controls := sum(one.control for one in known):
        yield f"  controls    {controls} scans"
    pairs = Counter(pair for one in known for pair in one.stand_ins.items())
    for (modality, other), count in sorted(pairs.items()):
        yield f"  stand-ins   {other} for {modality} {count}"
