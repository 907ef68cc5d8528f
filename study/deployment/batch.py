"""Predicts all subjects in a folder; a faulty subject does not stop the others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from study.deployment.folders import Case, Found
from study.deployment.lesion_first import LesionFirst
from study.deployment.listing import DECIMALS, Listed, write_list
from study.deployment.prediction import Prediction
from study.deployment.predictor import Implausible
from study.errors import CohortError, Problem

Progress = Callable[[Sequence[Case]], Iterable[Case]]


@dataclass(frozen=True)
class Predicted:
    """The outcome for a folder.

    Attributes:
        listed: of each subject, what was predicted or why it could not be.
        problems: why some subjects could not be predicted.
    """

    listed: tuple[Listed, ...]
    problems: tuple[Problem, ...]

    @property
    def failed(self) -> int:
        """Number of subjects that could not be predicted."""
        return sum(one.mask is None for one in self.listed)

    @property
    def remarks(self) -> dict[str, list[str]]:
        """What a reader of the masks must know about the inputs, each with the subjects it applies to."""
        return _by_text((one.subject, one.remarks) for one in self.listed)

    @property
    def warnings(self) -> dict[str, list[str]]:
        """Why not to rely on predictions, each with the subjects it applies to."""
        return _by_text((one.subject, one.warnings) for one in self.listed)


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
    """Predict all subjects of a folder and write their masks, `<subject>_mask.nii.gz`, and the list of them.

    The list is written at the end, also if that is an interrupt.

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
    listed: list[Listed] = []
    try:
        for case in progress(found.cases):
            mask = out / f"{case.name}_mask.nii.gz"
            target = None if probability is None else probability / f"{case.name}_probability.nii.gz"
            try:
                listed.append(_predict_case(bundles, case, mask, target, implausible))
            except CohortError as error:
                problems += error.problems
                listed.append(_failed(case, error.problems))
            except Exception as error:  # no exception from one subject's files may stop the others
                on_fault(error)
                what = f"{type(error).__name__}: {error}"
                problem = Problem(case.name, None, what, "check its files, or run it alone with debug=true")
                problems.append(problem)
                listed.append(_failed(case, [problem]))
    finally:
        write_list(out, bundles.bundle.manifest, listed)
    return Predicted(tuple(listed), tuple(problems))


def remarks_on(bundles: LesionFirst, prediction: Prediction) -> tuple[str, ...]:
    """What a reader of the mask must know about the input."""
    lacks_lesion = bundles.needs_lesion and prediction.lesion is None
    return (*prediction.remarks, *(["without a lesion (near_lesion is skipped)"] if lacks_lesion else []))


def _predict_case(
    bundles: LesionFirst, case: Case, mask: Path, probability: Path | None, implausible: Implausible
) -> Listed:
    if case.problems:
        raise CohortError(case.problems)
    prediction = bundles.predict(
        case.images, brain=case.brain, lesion=case.lesion, name=case.name, implausible=implausible
    )
    prediction.write(mask, probability)
    components = prediction.components_ml
    return Listed(
        subject=case.name,
        mask=mask.name,
        given=tuple(name for name in bundles.bundle.manifest.modalities if name not in prediction.absent),
        volume_ml=round(prediction.volume_ml, DECIMALS),
        components=len(components),
        largest_component_ml=round(max(components, default=0.0), DECIMALS),
        remarks=remarks_on(bundles, prediction),
        warnings=prediction.warnings,
    )


def _failed(case: Case, problems: Sequence[Problem]) -> Listed:
    return Listed(case.name, problems=tuple(problem.what for problem in problems))


def _by_text(told: Iterable[tuple[str, Sequence[str]]]) -> dict[str, list[str]]:
    """Each text with the subjects that it was told of."""
    found: dict[str, list[str]] = {}
    for subject, texts in told:
        for text in texts:
            found.setdefault(text, []).append(subject)
    return found
