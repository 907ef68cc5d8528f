"""What the driver learns of an error, and how a failed trial is recorded."""

from __future__ import annotations

from pathlib import Path

from study.errors import CohortError, Problem, TrainingError
from study.records import FailedTrial, StudyFolder
from study.tuning.faults import Action
from study.tuning.outcome import UnfitMachineError, failure_of, write_failure


def test_what_would_come_again_is_told_as_such() -> None:
    told = failure_of(TrainingError("the loss is nan"), 1.5)
    assert (told.fault.action, told.fault.advice, told.seconds) == (Action.FAIL, "the loss is nan", 1.5)


def test_a_failure_names_no_subject_and_no_file() -> None:
    problems = [Problem("Jane Doe", Path("jane.nii"), "is torn", "scan again")]
    for error in (CohortError(problems), OSError(28, "No space left on device", "/data/jane.nii")):
        fault = failure_of(error, 0).fault
        assert "jane" not in f"{fault.cause} {fault.advice}".lower()


def test_a_trial_on_a_machine_that_gets_none_is_not_to_blame() -> None:
    fault = failure_of(UnfitMachineError("machine node7 gets no trials"), 0).fault
    assert (fault.action, fault.by_trial) == (Action.RETRY, False)


def test_a_failed_trial_has_the_epochs_that_it_finished(tmp_path: Path) -> None:
    trial = StudyFolder(tmp_path, "s").trial(0)
    write_failure(trial, "TrainingError: the loss is nan", 2.0)
    assert trial.result.read() == FailedTrial(
        trial=0, epochs=0, seconds=2.0, error="TrainingError: the loss is nan"
    )


def test_the_log_is_told_where_an_error_was_raised_and_not_about_whom() -> None:
    try:
        raise CohortError([Problem("Jane Doe", Path("jane.nii"), "is torn", "scan again")])
    except CohortError as error:
        told = failure_of(error, 0).traceback
    assert "test_outcome.py" in told
    assert told.endswith("\nCohortError")
