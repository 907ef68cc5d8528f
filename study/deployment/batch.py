"""Predicts all subjects in a folder; a faulty subject does not stop the others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from study.deployment.folders import Case, Found
from study.deployment.lesion_first import LesionFirst
from study.deployment.predictor import Implausible, Prediction
from study.errors import CohortError, Problem

Progress = Callable[[Sequence[Case]], Iterable[Case]]


@dataclass(frozen=True)
class Predicted:
    """The outcome for a folder.

    Attributes:
        subjects: number of subjects found.
        remarks: what a reader of the masks must know about the inputs, each with the subjects it applies to.
        warnings: why not to rely on predictions, each with the subjects it applies to.
        problems: why some subjects could not be predicted.
    """

    subjects: int
    remarks: dict[str, list[str]]
    warnings: dict[str, list[str]]
    problems: tuple[Problem, ...]

    @property
    def failed(self) -> int:
        """Number of subjects that could not be predicted."""
        return len({problem.subject for problem in self.problems})


def predict_folder(
    bundles: LesionFirst,
    found: Found,
    out: Path,
    probability: Path | None,
    *,
    progress: Progress = lambda cases: cases,
    on_fault: Callable[[Exception], None] = lambda error: None,
    implausible: Implausible = "error",
) -> Predicted:
    """Predict all subjects of a folder and write their masks, `<subject>_mask.nii.gz`.

    Args:
        bundles: the bundle, and optionally one that finds lesions for it.
        found: the subjects.
        out: folder of the masks.
        probability: folder of the probability maps; None writes none.
        progress: wraps the subjects, to show progress.
        on_fault: receives exceptions other than `CohortError` that a subject's files cause, to show their traceback.
        implausible: as for `Bundle.predict`.
    """
    problems: list[Problem] = []
    remarks: dict[str, list[str]] = {}
    warnings: dict[str, list[str]] = {}
    for case in progress(found.cases):
        mask = out / f"{case.name}_mask.nii.gz"
        target = None if probability is None else probability / f"{case.name}_probability.nii.gz"
        try:
            prediction = _predict_case(bundles, case, implausible)
            prediction.write(mask, target)
            for texts, new in ((remarks, remarks_on(bundles, prediction)), (warnings, prediction.warnings)):
                for text in new:
                    texts.setdefault(text, []).append(case.name)
        except CohortError as error:
            problems += error.problems
        except Exception as error:  # no exception from one subject's files may stop the others
            on_fault(error)
            what = f"{type(error).__name__}: {error}"
            problems.append(
                Problem(case.name, None, what, "check its files, or run it alone with debug=true")
            )
    return Predicted(len(found.cases), remarks, warnings, tuple(problems))


def remarks_on(bundles: LesionFirst, prediction: Prediction) -> tuple[str, ...]:
    """What a reader of the mask must know about the input."""
    lacks_lesion = bundles.needs_lesion and prediction.lesion is None
    return (*prediction.remarks, *(["without a lesion (near_lesion is skipped)"] if lacks_lesion else []))


def _predict_case(bundles: LesionFirst, case: Case, implausible: Implausible) -> Prediction:
    if case.problems:
        raise CohortError(case.problems)
    return bundles.predict(
        case.images, brain=case.brain, lesion=case.lesion, name=case.name, implausible=implausible
    )
