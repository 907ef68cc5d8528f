"""Predict with a bundle: one subject from its files, or all subjects of a folder."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from study.cli import parse_pairs, run_command, usage

if TYPE_CHECKING:
    from study.deployment.folders import Case
    from study.deployment.lesion_first import LesionFirst
    from study.deployment.predictor import Prediction
    from study.errors import Problem

KEYS = {
    "bundle": "the folder or zip that study.export wrote; required",
    "brain": "one subject: its brain mask; default: derived from the images",
    "lesion": "one subject, bundle of thrombi: the mask of its lesion, on the grid of one of the images",
    "lesion_bundle": "bundle of thrombi: a bundle that finds the lesion of who has no such mask",
    "images": "many subjects: a folder with a subfolder each, or with <subject>_<MODALITY>.nii.gz; also …_lesion",
    "out": "the mask (.nii or .nii.gz); with images=…, the folder of the masks; required",
    "probability": "the probability map, too: a file; with images=…, a folder",
    "device": "auto, cpu or cuda; default auto",
    "debug": "true prints the traceback of an error",
}
SHOWN = {
    "MODALITY": "one subject: DWI=a.nii.gz ADC=b.nii.gz …, any of the bundle's modalities, "
    "or what may stand in for one",
    **KEYS,
}


def main(arguments: Sequence[str]) -> None:
    """The command; see `--help`."""
    if {"-h", "--help"} & set(arguments):
        print(usage("study.predict", "Predict with a bundle, from any subset of its modalities.", SHOWN))
        return
    given = parse_pairs(arguments, KEYS, others=True)

    from study.errors import ConfigError

    images = {key: Path(value) for key, value in given.items() if key not in KEYS}
    problems = [f"{key}: required and not given" for key in ("bundle", "out") if not given.get(key)]
    single = [*images, *(key for key in ("brain", "lesion") if key in given)]
    if "images" in given and single:
        problems.append(f"images: give either a folder or single files, not also {', '.join(single)}")
    if "lesion" in given and "lesion_bundle" in given:
        problems.append("lesion_bundle: the lesion is given; give either its mask or the bundle")
    if problems:
        raise ConfigError(problems)
    out, probability = Path(given["out"]), Path(given["probability"]) if "probability" in given else None
    masks = {key: Path(given[key]) for key in ("brain", "lesion") if key in given}
    if "images" not in given:
        _check_outputs(out, probability, [*images.values(), *masks.values()])

    from study.deployment.lesion_first import LesionFirst
    from study.deployment.predictor import load_bundle

    paths = [Path(given[key]) for key in ("bundle", "lesion_bundle") if given.get(key)]
    bundles = LesionFirst(*(load_bundle(path, given.get("device", "auto")) for path in paths))
    if "images" in given:
        _predict_folder(bundles, Path(given["images"]), out, probability, debug=given.get("debug") == "true")
        return
    prediction = bundles.predict(images, brain=masks.get("brain"), lesion=masks.get("lesion"))
    prediction.write(out, probability)
    remarks = _remarks(bundles, prediction)
    told = f"; predicted {', '.join(remarks)}" if remarks else ""
    print(f"{out}: {bundles.bundle.manifest.target} {prediction.volume_ml:.2f} mL{told}")


def _remarks(bundles: LesionFirst, prediction: Prediction) -> tuple[str, ...]:
    """What must be known of the input."""
    lacks_lesion = bundles.needs_lesion and prediction.lesion is None
    return (*prediction.remarks, *(["without a lesion (near_lesion is skipped)"] if lacks_lesion else []))


def _check_outputs(out: Path, probability: Path | None, inputs: Sequence[Path]) -> None:
    """Raise ConfigError for outputs that are no NIfTI names, or that would overwrite something."""
    from study.errors import ConfigError

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


def _predict_folder(
    bundles: LesionFirst, images: Path, out: Path, probability: Path | None, *, debug: bool
) -> None:
    """Predict all subjects of a folder; those that fail are told at the end, as a CohortError."""
    from rich.console import Console
    from rich.progress import track

    from study.deployment.folders import find_cases
    from study.errors import CohortError

    manifest = bundles.bundle.manifest
    found = find_cases(
        images, manifest.modalities, manifest.modality_aliases, bundles.others, lesions=bundles.needs_lesion
    )
    if found.ignored:
        sys.stderr.write(f"no modality recognised in subfolder {', '.join(found.ignored)}: ignored\n")
    problems: list[Problem] = []
    remarks: dict[str, list[str]] = {}
    console = Console(stderr=True)
    for case in track(found.cases, "predicting", console=console, disable=not console.is_terminal):
        mask = out / f"{case.name}_mask.nii.gz"
        target = None if probability is None else probability / f"{case.name}_probability.nii.gz"
        wrong, told = _predict_case(bundles, case, mask, target, debug=debug)
        problems += wrong
        for remark in told:
            remarks.setdefault(remark, []).append(case.name)
    failed = len({problem.subject for problem in problems})
    print(f"{out}: {len(found.cases) - failed} of {len(found.cases)} subjects predicted")
    for remark, names in remarks.items():
        print(f"  {remark}: {', '.join(names)}")
    if problems:
        raise CohortError(problems)


def _predict_case(
    bundles: LesionFirst, case: Case, mask: Path, probability: Path | None, *, debug: bool
) -> tuple[list[Problem], tuple[str, ...]]:
    """What was wrong with a subject, and what must be known of its input."""
    from study.errors import CohortError, Problem

    if case.problems:
        return case.problems, ()
    try:
        prediction = bundles.predict(case.images, brain=case.brain, lesion=case.lesion, name=case.name)
        prediction.write(mask, probability)
    except CohortError as error:
        return list(error.problems), ()
    except Exception as error:  # whatever one subject's files cause must not cost the others
        if debug:
            traceback.print_exc()
        what = f"{type(error).__name__}: {error}"
        return [Problem(case.name, None, what, "look at its files, or run it alone with debug=true")], ()
    return [], _remarks(bundles, prediction)


if __name__ == "__main__":
    run_command(main)
