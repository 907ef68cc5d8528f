"""Implausible images of a cohort: in the check, and when a study is prepared."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from drawn_brains import chosen, draw_brain, exchanged, write_images

from study.cohort.__main__ import main as check
from study.cohort.records import Cohort, Subject
from study.config import Config
from study.errors import CohortError
from study.imaging.cache import PreparedCohort, prepare_cohort
from study.imaging.check import check_cohort
from study.workflow.notes import implausible_images
from study.workflow.protocol import imaging_protocol

GIVEN = "DWI+ADC"


@pytest.fixture
def draw_subject(tmp_path: Path) -> Callable[..., Subject]:
    """A subject with a drawn brain; its DWI and ADC are exchanged on request."""

    def draw(name: str, *, wrong: bool = False, given: str = GIVEN, **changes: object) -> Subject:
        images = chosen(draw_brain(sum(name.encode())), given)
        images = exchanged(images, "DWI", "ADC") if wrong else images
        files = write_images(tmp_path / "files", name, images)
        return Subject(name, name, "CENTER", f"CENTER-{name}", files, {}, **changes)  # type: ignore[arg-type]

    return draw


def prepare(config: Config, *subjects: Subject) -> PreparedCohort:
    keys = [subject.key for subject in subjects]
    skip = config.cohort.on_error == "skip"
    spacing_mm = (5.0, 2.0, 2.0)
    protocol = imaging_protocol(config)
    return prepare_cohort(Cohort(subjects), keys, protocol, config.cache_root, spacing_mm, skip_faulty=skip)


def test_a_check_names_exchanged_files_as_a_problem(draw_subject: Callable, make_config: Callable) -> None:
    subjects = (draw_subject("a"), draw_subject("b", wrong=True), draw_subject("c"))
    report = check_cohort(Cohort(subjects), imaging_protocol(make_config()))
    (problem,) = report.problems
    assert (problem.subject, problem.file) == ("b", subjects[1].images["DWI"])
    assert "DWI and ADC are exchanged" in problem.what
    assert problem.remedy.endswith("imaging.implausible=warn uses it all the same")
    assert not report.warnings
    assert "3 subjects, 1 center, 1 problem\n" in "\n".join(report.lines())


def test_what_is_told_to_be_right_is_a_warning(draw_subject: Callable, make_config: Callable) -> None:
    subjects = (draw_subject("a"), draw_subject("b", wrong=True))
    report = check_cohort(Cohort(subjects), imaging_protocol(make_config({"imaging.implausible": "warn"})))
    assert not report.problems
    lines = list(report.lines())
    assert "2 subjects, 1 center, 0 problems, 1 warning" in lines
    assert lines[-1].startswith(f"  warning: b: {subjects[1].images['DWI']}: DWI and ADC are exchanged")


def test_other_problems_of_a_subject_silence_mere_doubts(
    draw_subject: Callable, make_config: Callable, write_nifti: Callable
) -> None:
    subject = draw_subject("a", given="DWI+ADC+T2")
    flat = draw_brain()["T1"]
    written = write_images(subject.images["DWI"].parent, "a", {"T2": flat})
    report = check_cohort(Cohort((subject,)), imaging_protocol(make_config()))
    assert [warning.file for warning in report.warnings] == [written["T2"]]
    subject.images["DWI"].write_bytes(b"")
    report = check_cohort(Cohort((subject,)), imaging_protocol(make_config()))
    assert report.problems
    assert not report.warnings


def test_a_scan_unlike_the_cohort_s_others_is_a_warning(
    draw_subject: Callable, make_config: Callable
) -> None:
    given = "DWI+ADC+SWAN"
    subjects = [draw_subject(name, given=given) for name in "abcde"]
    images = chosen(draw_brain(99), given) | {"SWAN": draw_brain(99)["B0"]}
    files = write_images(subjects[0].images["DWI"].parent, "f", images)
    subjects.append(Subject("f", "f", "CENTER", "CENTER-f", files, {}))
    report = check_cohort(Cohort(tuple(subjects)), imaging_protocol(make_config()))
    assert not report.problems
    assert {warning.subject for warning in report.warnings} == {"f"}
    assert "SWAN is unlike the cohort's other scans" in report.warnings[0].what


def test_pseudonymous_subjects_are_named_by_no_file(draw_subject: Callable, make_config: Callable) -> None:
    subject = draw_subject("a", wrong=True, pseudonymous=True)
    (problem,) = check_cohort(Cohort((subject,)), imaging_protocol(make_config())).problems
    assert (problem.subject, problem.file) == ("CENTER-a", None)
    assert str(subject.images["ADC"].parent) not in str(problem)


def test_the_command_exits_with_2(
    draw_subject: Callable, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    draw_subject("a", wrong=True)
    table = tmp_path / "t.csv"
    table.write_text("subject,center,DWI,ADC\na,X,files/a_DWI.nii.gz,files/a_ADC.nii.gz\n")
    arguments = ["check", "cohort=manifest", f"cohort.path={table}", "cohort.modalities=[DWI,ADC]"]
    arguments.append("modality_dropout.droppable=[ADC]")
    with pytest.raises(SystemExit) as caught:
        check(arguments)
    assert caught.value.code == 2
    assert "DWI and ADC are exchanged" in capsys.readouterr().out
    check([*arguments, "imaging.implausible=warn"])


def test_a_study_refuses_them_or_skips_them_or_takes_them_as_told(
    draw_subject: Callable, make_config: Callable
) -> None:
    right, wrong = draw_subject("a"), draw_subject("b", wrong=True)
    with pytest.raises(CohortError, match=r"b_DWI\.nii\.gz: DWI and ADC are exchanged"):
        prepare(make_config(), right, wrong)
    skipping = prepare(make_config({"cohort.on_error": "skip"}), right, wrong)
    assert (list(skipping), skipping.skipped) == (["CENTER-a"], ("CENTER-b",))
    taken = prepare(make_config({"imaging.implausible": "warn"}), right, wrong)
    assert list(taken) == ["CENTER-a", "CENTER-b"]
    (note,) = implausible_images(taken)
    assert note == "implausible images: 1 of 2 subjects (CENTER-b); `study.cohort check` says why"
    assert not implausible_images(prepare(make_config(), right))
    # What a study has taken is in the cache, which makes it no more plausible for the next one.
    with pytest.raises(CohortError, match="are exchanged"):
        prepare(make_config(), right, wrong)


def test_what_is_measured_is_kept_with_the_subject(draw_subject: Callable, make_config: Callable) -> None:
    first, again = (prepare(make_config(), draw_subject("a"))["CENTER-a"].intensities for _ in range(2))
    assert first is not None
    assert set(first.images) == {"DWI", "ADC"}
    assert again == first


def test_an_adc_without_a_unit_is_told_with_the_reason(draw_subject: Callable, make_config: Callable) -> None:
    subject = draw_subject("a", wrong=True)
    low = exchanged(chosen(draw_brain(97), GIVEN), "DWI", "ADC")
    write_images(subject.images["DWI"].parent, "a", {"ADC": low["ADC"] / 100})
    with pytest.raises(CohortError) as caught:
        prepare(make_config(), subject)
    unit, reason = (problem.what for problem in caught.value.problems)
    assert "its unit is not recognised" in unit
    assert "DWI and ADC are exchanged" in reason
