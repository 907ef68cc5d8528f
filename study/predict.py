"""`python -m study.predict bundle=…`: predicts one subject from its files, or all subjects of a folder."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import ConfigDict, Field, model_validator

from study.commandline import Command, DebugKey, Given, OtherKeys, run_command, say
from study.commandline.place import GivenPath
from study.config import Count, Section
from study.config.imaging import MOST_VOXELS
from study.config.mistakes import mistake, refusal
from study.errors import CohortError

if TYPE_CHECKING:
    from study.deployment.batch import Predicted
    from study.deployment.lesion_first import LesionFirst


NO_FINGERPRINT = "the bundle holds no fingerprint of its training images; yours are judged by physics alone\n"


class Imaging(Section):
    """How scans are read."""

    most_voxels: Count = Field(
        MOST_VOXELS,
        description="voxels that a scan may have, as stored or as prepared; a larger one is refused",
    )


class Arguments(DebugKey):
    """Keys of the command itself; all others are modalities."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, GivenPath]

    bundle: GivenPath = Field(
        description="the folder or zip that study.export wrote; rule: the rule without training, which comes with the "
        "package"
    )
    out: GivenPath = Field(
        description="path of the mask (.nii or .nii.gz); with images=…, folder of the masks and of their list"
    )
    brain: GivenPath | None = Field(
        None, description="one subject: its brain mask; null: derived from the images"
    )
    lesion: GivenPath | None = Field(
        None,
        description="one subject, thrombus bundle: the mask of its lesion, on the grid of one of the images",
    )
    lesion_bundle: GivenPath | None = Field(
        None, description="thrombus bundle: a bundle that finds the lesions of subjects without a lesion mask"
    )
    images: GivenPath | None = Field(
        None,
        description="many subjects: a folder with one subfolder each, or <subject>_<MODALITY>.nii.gz; also …_lesion",
    )
    probability: GivenPath | None = Field(
        None, description="path of the probability map, if wanted; with images=…, a folder"
    )
    implausible: Literal["error", "warn"] = Field(
        "error",
        description="response to images that cannot be what they claim to be, such as exchanged DWI and ADC; warn: "
        "predict all the same",
    )
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="auto: a GPU where there is one")
    imaging: Imaging = Field(default_factory=Imaging)

    @property
    def modalities(self) -> dict[str, Path]:
        """The files of one subject, by modality or stand-in."""
        return self.__pydantic_extra__

    @property
    def masks(self) -> dict[str, Path]:
        """The masks of one subject that are given."""
        return {
            name: path for name, path in (("brain", self.brain), ("lesion", self.lesion)) if path is not None
        }

    @model_validator(mode="after")
    def _consistent(self) -> Arguments:
        problems = [*self._contradictions(), *([] if self.images is not None else self._bad_outputs())]
        if problems:
            raise refusal([mistake(problem, key) for key, problem in problems])
        return self

    def _contradictions(self) -> Iterator[tuple[str, str]]:
        single = [*self.modalities, *self.masks]
        if self.images is not None and single:
            yield "images", f"give either a folder or single files, not also {', '.join(single)}"
        if self.lesion is not None and self.lesion_bundle is not None:
            yield "lesion_bundle", "the lesion is given; give either its mask or the bundle"

    def _bad_outputs(self) -> Iterator[tuple[str, str]]:
        """Outputs without a NIfTI extension, or that would overwrite an input."""
        inputs = {path.resolve() for path in (*self.modalities.values(), *self.masks.values())}
        outputs = {"out": self.out} | ({} if self.probability is None else {"probability": self.probability})
        for key, path in outputs.items():
            if not path.name.endswith((".nii", ".nii.gz")):
                yield key, f"must end in .nii or .nii.gz, got {path}"
            if path.resolve() in inputs:
                yield key, f"{path} is an input; choose another name"
        if self.probability is not None and self.probability.resolve() == self.out.resolve():
            yield "probability", f"{self.probability} is also out; choose another name"


COMMAND = Command(
    "study.predict",
    Arguments,
    others=OtherKeys(
        "MODALITY",
        "one subject: DWI=a.nii.gz ADC=b.nii.gz …, any of the bundle's modalities or their stand-ins",
    ),
)


def main(arguments: Sequence[str]) -> None:
    """Predict and write masks; see `--help`."""
    COMMAND.run(arguments, _predict)


def _predict(given: Given[Arguments]) -> None:
    from study.deployment.lesion_first import LesionFirst
    from study.deployment.predictor import load_bundle

    own = given.own
    paths = [path for path in (own.bundle, own.lesion_bundle) if path is not None]
    bundles = LesionFirst(*(load_bundle(path, own.device, own.imaging.most_voxels) for path in paths))
    if any(one and one.manifest.fingerprint is None for one in (bundles.bundle, bundles.finder)):
        sys.stderr.write(NO_FINGERPRINT)
    if own.images is not None:
        _predict_folder(bundles, own.images, own)
    else:
        _predict_one(bundles, own)


def _predict_one(bundles: LesionFirst, own: Arguments) -> None:
    from study.deployment.batch import remarks_on

    prediction = bundles.predict(
        own.modalities, brain=own.brain, lesion=own.lesion, implausible=own.implausible
    )
    prediction.write(own.out, own.probability)
    for warning in prediction.warnings:
        sys.stderr.write(f"warning: {warning}\n")
    remarks = remarks_on(bundles, prediction)
    how = f"; predicted {', '.join(remarks)}" if remarks else ""
    say(f"{own.out}: {bundles.bundle.manifest.target} {prediction.volume_ml:.2f} mL{how}")


def _predict_folder(bundles: LesionFirst, images: Path, own: Arguments) -> None:
    """Predict all subjects of a folder; a CohortError at the end lists the faulty ones."""
    from rich.console import Console
    from rich.progress import track

    from study.deployment.batch import predict_folder
    from study.deployment.folders import find_cases

    manifest, console = bundles.bundle.manifest, Console(stderr=True)
    found = find_cases(
        images,
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
        own.out,
        own.probability,
        progress=lambda cases: track(cases, "predicting", console=console, disable=not console.is_terminal),
        implausible=own.implausible,
        on_fault=traceback.print_exception if own.debug else lambda error: None,
    )
    _report(predicted, own.out)


def _report(predicted: Predicted, out: Path) -> None:
    subjects = len(predicted.listed)
    say(
        f"{out}: {subjects - predicted.failed} of {subjects} subjects predicted, listed in predictions.csv and .json"
    )
    for remark, names in predicted.remarks.items():
        say(f"  {remark}: {', '.join(names)}")
    for warning, names in predicted.warnings.items():
        sys.stderr.write(f"warning: {', '.join(names)}: {warning}\n")
    if predicted.problems:
        raise CohortError(predicted.problems)


if __name__ == "__main__":
    run_command(main)
