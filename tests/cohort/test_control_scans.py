"""Control scans in splits: set apart, included or excluded."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from study.cohort import Cohort, Subject, split_cohort
from study.cohort.patients import patient_of
from study.config import validate
from study.errors import ConfigError

PEOPLE = st.lists(
    st.tuples(
        st.sampled_from("ABC"),
        st.sampled_from(["1", "sub-2", "p3", "anna", "bert", "cleo", "dora"]),
        st.booleans(),
    ),
    min_size=1,
    max_size=40,
)
REPEATABLE = settings(deadline=None, derandomize=True)
SEEDS = st.integers(0, 2**31 - 1)


def settings_of(**cohort):
    return validate({"study": {"name": "test"}, "cohort": {"unseen": [], **cohort}}).cohort


def cohort_of(people):
    """A cohort of (center, patient, control); every occurrence is another scan with a lesion mask."""
    numbers: Counter = Counter()
    subjects = []
    for center, patient, control in sorted(people):
        numbers[center] += 1
        key = f"{center}-{numbers[center]:04d}"
        files = {"DWI": Path("/nowhere/d.nii")}, {"lesion": Path("/nowhere/l.nii")}
        subjects.append(Subject(f"{patient}-{key}", patient, center, key, *files, control=control))
    return Cohort(tuple(subjects))


def without_controls(cohort):
    return Cohort(tuple(subject for subject in cohort.subjects if not subject.control))


def try_split(cohort, **changes):
    """The splits; None where the cohort is too small for any."""
    try:
        return split_cohort(cohort, settings_of(**changes))
    except ConfigError:
        return None


@REPEATABLE
@given(PEOPLE, SEEDS, st.sampled_from(["fractions", "folds"]), st.sampled_from([[], ["C"]]))
def test_control_scans_move_nobody_and_are_of_patients_who_are_not_learnt_from(people, seed, kind, unseen):
    cohort = cohort_of(people)
    others = without_controls(cohort)
    changes = {"unseen": unseen, "splits": {"kind": kind, "folds": 3, "seed": seed}}
    if not set(unseen) <= set(others.centers):
        return  # without the control scans there is no such center
    splits, alone = try_split(cohort, **changes), try_split(others, **changes)
    assert (splits is None) == (alone is None)
    if splits is None:
        return
    assert replace(splits, control=()) == alone
    learnt = {patient_of(cohort[key]) for key in splits.train + splits.validation}
    expected = {
        subject.key for subject in cohort.subjects if subject.control and patient_of(subject) not in learnt
    }
    assert set(splits.control) == expected
    assert len(splits.control) == len(expected)
    excluded = try_split(cohort, controls="exclude", **changes)
    assert excluded == alone


@REPEATABLE
@given(PEOPLE, SEEDS)
def test_included_control_scans_are_like_all_others(people, seed):
    cohort = cohort_of(people)
    changes = {"splits": {"seed": seed}}
    plain = Cohort(tuple(replace(subject, control=False) for subject in cohort.subjects))
    assert try_split(cohort, controls="include", **changes) == try_split(plain, **changes)


def test_control_scans_need_a_mask_and_a_center_that_is_used():
    others = [*(("A", f"a{number}") for number in range(4)), ("C", "z2")]
    controls = [("A", "x1"), ("A", "x2"), ("B", "y1"), ("C", "z1")]
    cohort = cohort_of([*((*one, False) for one in others), *((*one, True) for one in controls)])
    bare = Cohort(tuple(replace(one, masks={}) if one.patient == "x2" else one for one in cohort.subjects))
    splits = split_cohort(bare, settings_of(seen=["A"], unseen=["C"]))
    assert [bare[key].patient for key in splits.control] == ["x1", "z1"]
    assert [bare[key].patient for key in splits.unseen] == ["z2"]


def test_a_center_of_control_scans_only_has_nobody_to_learn_from():
    cohort = cohort_of([("A", patient, True) for patient in "abc"])
    with pytest.raises(ConfigError, match=r"no training subject: .*masks by center: A 0"):
        split_cohort(cohort, settings_of())
