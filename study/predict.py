"""`python -m study.predict bundle=…`: predicts one subject from its files, or all subjects of a folder."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from study.commandline import parse_pairs, run_command, say, usage
from study.config import Imaging
from study.config.imaging import MOST_VOXELS
from study.config.validation import validate_section
from study.errors import CohortError, ConfigError

if TYPE_CHECKING:
    from study.deployment.batch import Predicted
    from study.deployment.lesion_first import LesionFirst

LIMIT = "imaging.most_voxels"
KEYS = {
    "bundle": "the folder or zip that study.export wrote; required",
    "brain": "one subject: its brain mask (default: derived from the images)",
    "lesion": "one subject, thrombus bundle: the mask of its lesion, on the grid of one of the images",
    "lesion_bundle": "thrombus bundle: a bundle that finds the lesions of subjects without a lesion mask",
    "images": "many subjects: a folder with one subfolder each, or <subject>_<MODALITY>.nii.gz; also …_lesion",
    "out": "path of the mask (.nii or .nii.gz); with images=…, folder of the masks and of their list; required",
    "probability": "path of the probability map, if wanted; with images=…, a folder",
    LIMIT: f"voxels that a scan may have, as stored or as prepared (default: {MOST_VOXELS}); a larger one is refused",
    "device": "auto, cpu or cuda (default: auto)",
    "debug": "true: print the traceback of an error",
}
SHOWN = {
    "MODALITY": "one subject: DWI=a.nii.gz ADC=b.nii.gz …, any of the bundle's modalities or their stand-ins",
    **KEYS,
}


def main(arguments: Sequence[str]) -> None:
    """Predict and write masks; see `--help`."""
    if {"-h", "--help"} & set(arguments):
        say(usage("study.predict", "Predict with a bundle from any subset of its modalities.", SHOWN))
        return
    given = parse_pairs(arguments, KEYS, others=True)
    images = {key: Path(value) for key, value in given.items() if key not in KEYS}
    _check(given, images)

    from study.deployment.lesion_first import LesionFirst
    from study.deployment.predictor import load_bundle

    paths = [Path(given[key]) for key in ("bundle", "lesion_bundle") if given.get(key)]
    device, most_voxels = given.get("device", "auto"), _most_voxels(given)
    bundles = LesionFirst(*(load_bundle(path, device, most_voxels) for path in paths))
    if "images" in given:
        _predict_folder(bundles, given)
    else:
        _predict_one(bundles, images, given)


def _check(given: Mapping[str, str], images: Mapping[str, Path]) -> None:
    """Raise ConfigError for arguments that contradict each other, and for outputs that cannot be written."""
    problems = [f"{key}: required and not given" for key in ("bundle", "out") if not given.get(key)]
    single = [*images, *(key for key in ("brain", "lesion") if key in given)]
    if "images" in given and single:
        problems.append(f"images: give either a folder or single files, not also {', '.join(single)}")
    if "lesion" in given and "lesion_bundle" in given:
        problems.append("lesion_bundle: the lesion is given; give either its mask or the bundle")
    if problems:
        raise ConfigError(problems)
    if "images" not in given:
        masks = [Path(given[key]) for key in ("brain", "lesion") if key in given]
        _check_outputs(Path(given["out"]), _probability(given), [*images.values(), *masks])


def _most_voxels(given: Mapping[str, str]) -> int:
    """The limit of the user's, or the usual one; raises ConfigError if it is no number of voxels."""
    content = {"most_voxels": given[LIMIT]} if LIMIT in given else {}
    try:
        return validate_section(Imaging, content).most_voxels
    except ConfigError as error:
        raise ConfigError([f"imaging.{problem}" for problem in error.problems]) from None


def _probability(given: Mapping[str, str]) -> Path | None:
    return Path(given["probability"]) if "probability" in given else None


def _check_outputs(out: Path, probability: Path | None, inputs: Sequence[Path]) -> None:
    """Raise ConfigError for outputs without a NIfTI extension, or that would overwrite an input."""
    problems = []
    outputs = {"out": out} | ({} if probability is None else {"probability": probability})
    for key, path in outputs.items():
        if not path.name.endswith((".nii", ".nii.gz")):
            problems.append(f"{key}: must end in .nii or .nii.gz, got {path}")
        if path.resolve() in {other.resolve() for other in inputs}:
            problems.append(f"{key}: {path} is an input; choose another name")
    if probability is not None and probability.resolve() == out.resolve():
        problems.append(f"probability: {probability} is also out; choose another name")
    if problems:
        raise ConfigError(problems)


def _predict_one(bundles: LesionFirst, images: Mapping[str, Path], given: Mapping[str, str]) -> None:
    from study.deployment.batch import remarks_on

    out = Path(given["out"])
    masks = {key: Path(given[key]) for key in ("brain", "lesion") if key in given}
    prediction = bundles.predict(images, brain=masks.get("brain"), lesion=masks.get("lesion"))
    prediction.write(out, _probability(given))
    remarks = remarks_on(bundles, prediction)
    how = f"; predicted {', '.join(remarks)}" if remarks else ""
    say(f"{out}: {bundles.bundle.manifest.target} {prediction.volume_ml:.2f} mL{how}")


def _predict_folder(bundles: LesionFirst, given: Mapping[str, str]) -> None:
    """Predict all subjects of a folder; a CohortError at the end lists the faulty ones."""
    from rich.console import Console
    from rich.progress import track

    from study.deployment.batch import predict_folder
    from study.deployment.folders import find_cases

    manifest, console = bundles.bundle.manifest, Console(stderr=True)
    found = find_cases(
        Path(given["images"]),
        manifest.modalities,
        manifest.modality_aliases,
        bundles.others,
        lesions=bundles.needs_lesion,
    )
    if found.ignored:
        sys.stderr.write(f"no modality recognised in subfolder {', '.join(found.ignored)}: ignored\n")
    predicted = predict_folder(
        bundles,
        found,
        Path(given["out"]),
        _probability(given),
        progress=lambda cases: track(cases, "predicting", console=console, disable=not console.is_terminal),
        on_fault=traceback.print_exception if given.get("debug") == "true" else lambda error: None,
    )
    _report(predicted, given["out"])


def _report(predicted: Predicted, out: str) -> None:
    subjects = len(predicted.listed)
    say(
        f"{out}: {subjects - predicted.failed} of {subjects} subjects predicted, listed in predictions.csv and .json"
    )
    for warning, names in predicted.warnings.items():
        say(f"  {warning}: {', '.join(names)}")
    if predicted.problems:
        raise CohortError(predicted.problems)


if __name__ == "__main__":
    run_command(main)
