"""Reader for nnU-Net's raw format (Isensee et al., Nature Methods 2021), versions 1 and 2.

::

    <root>/dataset.json                 channel_names (or modality), labels, file_ending
    <root>/imagesTr/CASE_0000.nii.gz    one file for each channel; an absent file is an absent modality
    <root>/labelsTr/CASE.nii.gz
    <root>/imagesTs, labelsTs       likewise, of cases that are only tested on; those without a label are left out
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from study.cohort.case_origins import Origin, find_origins
from study.cohort.filenames import NIFTI_ENDINGS, modality_named, nifti_files
from study.cohort.records import Entry, Listing
from study.cohort.text import Unusable, read_json
from study.config import CohortConfig
from study.config.words import number_of
from study.errors import CohortError, Problem, Remark

_IMAGE = re.compile(r"(?P<case>.+)_(?P<channel>[0-9]{4})")
_NUMBER = re.compile(r"[0-9]{1,4}")


def list_nnunet(cohort: CohortConfig) -> Listing:
    """Every case of imagesTr and labelsTr, and those of imagesTs that have a label.

    Raises:
        CohortError: dataset.json, or what tells the centers, cannot be used.
    """
    root = cohort.nnunet.root or Path()
    description = _read_description(root / "dataset.json")
    channels, ending = _channels(root, description, cohort)
    mask = _mask_name(root, description, cohort.target)
    learning = _cases(root, "Tr", channels, ending)
    testing = _cases(root, "Ts", channels, ending)
    if not learning and not testing:
        remedy = "give the folder that holds imagesTr and labelsTr"
        raise _refusal(root / "imagesTr", "no NIfTI file in it", remedy)
    unlabelled = sum(case.label is None for case in testing)
    cases = [*learning, *(case for case in testing if case.label is not None)]
    origins = find_origins(cohort.nnunet, list(dict.fromkeys(case.name for case in cases)))
    entries = tuple(_entry(case, origins.of[case.name], mask) for case in cases)
    remarks = [Remark("imagesTs", f"not used without a file in labelsTs: {number_of(unlabelled, 'case')}")]
    return Listing(entries, (*origins.remarks, *(remarks if unlabelled else ())))


@dataclass(frozen=True)
class _Case:
    """One case: its files, and those that are no channel; `held_out` says that it is of imagesTs."""

    name: str
    images: Mapping[str, Path]
    label: Path | None
    problems: Sequence[Problem]
    held_out: bool


def _cases(root: Path, part: str, channels: Mapping[int, str], ending: str) -> list[_Case]:
    """The cases of imagesTr and labelsTr, or of imagesTs and labelsTs, by name."""
    images, problems = _images(root / f"images{part}", channels, ending)
    labels = {path.name.removesuffix(ending): path for path in nifti_files(root / f"labels{part}")}
    return [
        _Case(case, images.get(case, {}), labels.get(case), problems.get(case, ()), part == "Ts")
        for case in sorted(set(images) | set(problems) | set(labels))
    ]


def _entry(case: _Case, origin: Origin, mask: str) -> Entry:
    return Entry(
        id=case.name,
        patient=origin.patient,
        center=origin.center,
        images=case.images,
        masks={} if case.label is None else {mask: case.label},
        problems=(*origin.problems, *case.problems),
        held_out=case.held_out,
    )


def _images(
    folder: Path, channels: Mapping[int, str], ending: str
) -> tuple[dict[str, dict[str, Path]], dict[str, list[Problem]]]:
    """By case, its file for each modality, and the files that are no channel."""
    images: dict[str, dict[str, Path]] = {}
    problems: dict[str, list[Problem]] = {}
    for path in nifti_files(folder):
        match = _IMAGE.fullmatch(path.name.removesuffix(ending)) if path.name.endswith(ending) else None
        case = match["case"] if match else path.name
        modality = channels.get(int(match["channel"])) if match else None
        if modality is None:
            known = ", ".join(f"_{number:04d}{ending} ({name})" for number, name in sorted(channels.items()))
            problem = Problem(case, path, "its name ends in no channel of dataset.json", f"there are {known}")
            problems.setdefault(case, []).append(problem)
        else:
            images.setdefault(case, {})[modality] = path
    return images, problems


def _refusal(path: Path, what: str, remedy: str) -> CohortError:
    return CohortError([Problem("cohort.nnunet.root", path.absolute(), what, remedy)])


def _read_description(path: Path) -> Mapping[str, Any]:
    if not path.exists():
        raise _refusal(path, "file is missing", "give the folder of one data set (Dataset001_Name)")
    try:
        description = read_json(path)
    except Unusable as error:
        raise _refusal(path, error.what, error.remedy) from None
    if not isinstance(description, dict):
        raise _refusal(
            path, "is not a JSON object", "write it as nnU-Net's documentation of dataset.json says"
        )
    return description


def _channels(
    root: Path, description: Mapping[str, Any], settings: CohortConfig
) -> tuple[dict[int, str], str]:
    """Channel number to modality, and the ending of the files."""
    path = root / "dataset.json"
    names = description.get("channel_names", description.get("modality"))
    if not isinstance(names, dict) or not all(_NUMBER.fullmatch(number) for number in names):
        raise _refusal(path, "no channel_names", 'add them: "channel_names": {"0": "DWI", "1": "ADC"}')
    channels = {int(number): modality_named(str(name), settings.sequences) for number, name in names.items()}
    twice = sorted(name for name, count in Counter(channels.values()).items() if count > 1)
    if twice:
        raise _refusal(path, f"channel_names has {', '.join(twice)} twice", "name each channel differently")
    if not set(settings.sequences) & set(channels.values()):
        what = f"channel_names has none of cohort.modalities ({', '.join(settings.modalities)})"
        remedy = f"it has {', '.join(channels.values())}: rename its channels, or set cohort.modalities"
        raise _refusal(path, what, remedy)
    ending = str(description.get("file_ending", ".nii.gz"))
    if ending not in NIFTI_ENDINGS:
        raise _refusal(
            path, f"file_ending is {ending}", "convert the images to .nii.gz; other formats are not read"
        )
    return channels, ending


def _mask_name(root: Path, description: Mapping[str, Any], target: str) -> str:
    """What the labels outline: a lesion or a thrombus if one of them has that name, else the target."""
    labels = description.get("labels", {})
    if not isinstance(labels, dict):
        what = "labels is not an object"
        raise _refusal(root / "dataset.json", what, 'write "labels": {"background": 0, "lesion": 1}')
    names = [str(name).casefold() for name in labels] + [str(name).casefold() for name in labels.values()]
    named = [mask for mask in ("lesion", "thrombus") if mask in names]
    if len(named) > 1:
        what = "labels has both lesion and thrombus; one binary label is read"
        raise _refusal(root / "dataset.json", what, "list the files in a manifest with one mask for each")
    return named[0] if named else target
