"""Modalities that no subject has, or only few."""

from __future__ import annotations

from pathlib import Path

import pytest

from study.cohort import Cohort, Splits, Subject
from study.cohort.modalities import check_modalities, rare_modalities
from study.cohort.remarks import remarks
from study.errors import CohortError


def cohort_of(*images):
    """Subjects s0, s1, … of one center with images of these names."""
    return Cohort(
        tuple(
            Subject(
                f"s{number}",
                f"p{number}",
                "A",
                f"A-{number}",
                {name: Path(f"/nowhere/{number}_{name}.nii") for name in names},
                {"lesion": Path(f"/nowhere/{number}.nii")},
            )
            for number, names in enumerate(images)
        )
    )


def told(cohort, modalities):
    with pytest.raises(CohortError) as error:
        check_modalities(cohort, modalities)
    return [str(problem) for problem in error.value.problems]


def test_a_modality_that_nobody_has_is_refused_with_the_closest_column():
    cohort = cohort_of(("DWI_b1000", "ADC"), ("DWI_b1000", "ADC", "T1"))
    assert told(cohort, ("DWI", "ADC")) == [
        "cohort.modalities: no subject has DWI, while 2 of 2 have DWI_b1000; rename DWI_b1000 to DWI if it is that, or "
        "set cohort.modalities=[DWI_b1000,ADC]"
    ]


def test_all_modalities_that_nobody_has_are_told_at_once_with_those_that_are_left():
    lines = told(cohort_of(("DWI", "SWI"), ("DWI",)), ("DWI", "ADC", "B0"))
    assert lines == [
        f"cohort.modalities: no subject has {name}; add its files, or set cohort.modalities=[DWI]"
        for name in ("ADC", "B0")
    ]


def test_a_modality_of_a_single_subject_is_no_error():
    check_modalities(cohort_of(("DWI",), ("DWI", "B0")), ("DWI", "B0"))


@pytest.mark.parametrize(
    ("having", "expected"),
    [
        (0, ["cohort.modalities: none of 8 subjects have B0"]),
        (1, ["cohort.modalities: 1 of 8 subjects have B0"]),
        (2, []),
        (8, []),
    ],
)
def test_a_modality_that_less_than_a_quarter_has_is_remarked_upon(having, expected):
    cohort = cohort_of(*[("DWI", "B0")] * having, *[("DWI",)] * (8 - having))
    assert [str(remark) for remark in rare_modalities(cohort.subjects, ("DWI", "B0"), "subjects")] == expected


def test_a_modality_that_half_of_them_have_under_another_name_is_remarked_upon():
    cohort = cohort_of(*[("ADC", "DWI")] * 4, *[("ADC", "dwi-b1000")] * 4)
    assert [str(remark) for remark in rare_modalities(cohort.subjects, ("ADC", "DWI"), "subjects")] == [
        "cohort.modalities: 4 of 8 subjects have DWI; 4 of the others have dwi-b1000: rename it to DWI if it is that"
    ]


def test_a_study_is_told_of_what_those_who_train_lack_and_an_evaluation_of_what_all_lack(configure):
    cohort = cohort_of(*[("DWI",)] * 5, ("DWI", "ADC"))
    keys = [one.key for one in cohort.subjects]
    settings = configure()
    study = Splits(train=tuple(keys[:4]), validation=(keys[4],), test=(keys[5],), unseen=())
    assert remarks(cohort, study, settings) == ["cohort.modalities: none of 4 training subjects have ADC"]
    evaluation = Splits((), (), tuple(keys), ())
    assert remarks(cohort, evaluation, settings) == ["cohort.modalities: 1 of 6 subjects have ADC"]
