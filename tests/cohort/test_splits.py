"""Splits by patient, stratified by center, seeded."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from study.cohort import Cohort, Splits, Subject, split_cohort
from study.cohort.patients import patient_of
from study.cohort.splits import quotas
from study.config import validate
from study.errors import ConfigError

PEOPLE = st.lists(
    st.tuples(st.sampled_from("ABC"), st.sampled_from(["1", "sub-2", "p3", "anna", "bert", "cleo", "dora"])),
    min_size=1,
    max_size=40,
)
REPEATABLE = settings(deadline=None, derandomize=True)
SEEDS = st.integers(0, 2**31 - 1)


def settings_of(**cohort):
    return validate({"study": {"name": "test"}, "cohort": {"unseen": [], **cohort}}).cohort


def cohort_of(people, masks=("lesion",)):
    """A cohort of (center, patient); every occurrence is another scan."""
    seen: Counter = Counter()
    subjects = []
    for center, patient in sorted(people):
        seen[center] += 1
        identity = f"{patient}-scan{seen[center]}"
        files = {mask: Path(f"/nowhere/{mask}.nii") for mask in masks}
        key = f"{center}-{seen[center]:04d}"
        subjects.append(Subject(identity, patient, center, key, {"DWI": Path("/nowhere/d.nii")}, files))
    return Cohort(tuple(subjects))


def use_of(splits: Splits) -> dict[str, str]:
    return {key: use for use in ("train", "validation", "test", "unseen") for key in getattr(splits, use)}


def try_split(cohort, **changes):
    """The splits, None where the cohort is too small for any."""
    try:
        return split_cohort(cohort, settings_of(**changes))
    except ConfigError:
        return None


@REPEATABLE
@given(
    PEOPLE, SEEDS, st.sampled_from(["fractions", "folds"]), st.integers(0, 2), st.sampled_from([[], ["C"]])
)
def test_no_patient_is_in_two_splits(people, seed, kind, fold, unseen):
    cohort = cohort_of(people)
    splits = try_split(cohort, unseen=unseen, splits={"kind": kind, "folds": 3, "fold": fold, "seed": seed})
    if splits is None:
        return
    uses = use_of(splits)
    assert set(uses) == {subject.key for subject in cohort.subjects}
    places = {}
    for subject in cohort.subjects:
        use = uses[subject.key]
        assert (use == "unseen") == (subject.center in unseen)
        # Written out anew: a name is one person everywhere, a number only within its center.
        person = subject.patient if subject.patient.isalpha() else (subject.center, subject.patient)
        places.setdefault(person, set()).add(use)
    for there in places.values():
        assert len(there) == 1 or there == {"test", "unseen"}


@REPEATABLE
@given(
    st.dictionaries(st.sampled_from("ABCD"), st.integers(2, 30), min_size=1),
    SEEDS,
    st.floats(0.01, 0.49),
    st.floats(0, 0.49),
)
def test_every_center_trains_and_validates_and_tests_from_three_patients_on(sizes, seed, validation, test):
    people = [(center, f"{center}{number}") for center, size in sizes.items() for number in range(size)]
    cohort = cohort_of(people)
    shares = {"validation": validation, "test": test, "seed": seed}
    splits = split_cohort(cohort, settings_of(splits=shares))
    for center, size in sizes.items():
        counts = Counter(use for key, use in use_of(splits).items() if cohort[key].center == center)
        assert counts["train"] >= 1
        assert counts["validation"] >= 1
        assert (counts["test"] >= 1) == (size >= 3 and test > 0)
        if size >= 10:
            assert abs(counts["validation"] - validation * size) <= 1
            assert abs(counts["test"] - test * size) <= 1


@REPEATABLE
@given(PEOPLE, SEEDS, st.randoms(use_true_random=False))
def test_order_of_subjects_changes_nothing(people, seed, random):
    cohort = cohort_of(people)
    mixed = list(cohort.subjects)
    random.shuffle(mixed)
    first = try_split(cohort, splits={"seed": seed})
    second = try_split(Cohort(tuple(mixed)), splits={"seed": seed})
    assert (first is None) == (second is None)
    if first is not None and second is not None:
        assert use_of(first) == use_of(second)


def test_seed_decides_and_same_seed_repeats():
    cohort = cohort_of([("A", f"a{number}") for number in range(20)])
    splits = [split_cohort(cohort, settings_of(splits={"seed": seed})) for seed in (0, 0, 1)]
    assert splits[0] == splits[1]
    assert splits[0] != splits[2]
    assert [len(splits[0].train), len(splits[0].validation), len(splits[0].test)] == [12, 4, 4]


def test_another_center_leaves_the_first_ones_splits_alone():
    people = [("A", f"a{number}") for number in range(10)]
    alone = split_cohort(cohort_of(people), settings_of())
    both = split_cohort(cohort_of(people + [("B", f"b{number}") for number in range(5)]), settings_of())
    assert set(alone.train) < set(both.train)
    assert set(alone.test) < set(both.test)


@pytest.mark.parametrize(
    ("patients", "validation", "test", "expected"),
    [
        (1, 0.2, 0.2, (0, 0)),
        (2, 0.2, 0.2, (1, 0)),
        (3, 0.2, 0.2, (1, 1)),
        (3, 0.2, 0.0, (1, 0)),
        (3, 0.45, 0.45, (1, 1)),
        (10, 0.2, 0.2, (2, 2)),
        (10, 0.25, 0.2, (3, 2)),
        (4, 0.8, 0.1, (2, 1)),
    ],
)
def test_quotas_by_hand(patients, validation, test, expected):
    assert quotas(patients, validation, test) == expected


@REPEATABLE
@given(st.dictionaries(st.sampled_from("ABC"), st.integers(1, 9), min_size=1), st.integers(2, 5), SEEDS)
def test_every_patient_is_tested_in_exactly_one_fold(sizes, folds, seed):
    people = [(center, f"{center}{number}") for center, size in sizes.items() for number in range(size)]
    cohort = cohort_of(people)
    tested: Counter = Counter()
    for fold in range(folds):
        splits = try_split(cohort, splits={"kind": "folds", "folds": folds, "fold": fold, "seed": seed})
        if splits is None:
            return
        assert splits.test
        tested.update(splits.test)
        centers = {cohort[key].center for key in splits.train}
        assert centers >= {center for center, size in sizes.items() if size >= 2}
    assert set(tested) == {subject.key for subject in cohort.subjects}
    assert set(tested.values()) == {1}


def test_validation_rotates_with_the_fold():
    cohort = cohort_of([("A", f"a{number}") for number in range(6)])
    folds = [
        split_cohort(cohort, settings_of(splits={"kind": "folds", "folds": 3, "fold": fold}))
        for fold in range(3)
    ]
    for fold in range(3):
        assert folds[fold].validation == folds[(fold + 1) % 3].test
        assert len(folds[fold].train) == 2


def test_more_folds_than_patients_are_refused():
    cohort = cohort_of([("A", f"a{number}") for number in range(3)])
    with pytest.raises(ConfigError, match=r"cohort\.splits\.folds: 5 folds .* there are 3"):
        split_cohort(cohort, settings_of(splits={"kind": "folds"}))


def test_unseen_centers_are_tested_only():
    people = [(center, f"{center}{number}") for center in "AB" for number in range(5)]
    splits = split_cohort(cohort_of(people), settings_of(unseen=["B"]))
    assert splits.unseen == tuple(f"B-000{number}" for number in range(1, 6))
    assert {key[0] for key in splits.train + splits.validation + splits.test} == {"A"}


def test_patient_who_was_also_scanned_at_an_unseen_center_is_never_learnt_from():
    people = [("A", f"a{number}") for number in range(9)] + [("A", "anna"), ("B", "anna")]
    cohort = cohort_of(people)
    for seed in range(10):
        splits = split_cohort(cohort, settings_of(unseen=["B"], splits={"seed": seed, "test": 0}))
        assert [cohort[key].patient for key in splits.test] == ["anna"]


@pytest.mark.parametrize("patient", ["7", "007", "sub-012", "Patient 3", "P_4", "case0001", "s1", "A-12"])
def test_running_number_is_another_person_at_another_center(patient):
    first, second = cohort_of([("A", patient), ("B", patient)]).subjects
    assert patient_of(first) != patient_of(second)


@pytest.mark.parametrize("patient", ["anna", "sub-strokecase0001", "1234567", "sub-1a2b3c4d"])
def test_distinctive_id_is_the_same_person_at_another_center(patient):
    first, second = cohort_of([("A", patient), ("B", patient)]).subjects
    assert patient_of(first) == patient_of(second)


def test_only_seen_centers_that_are_listed_are_used():
    people = [(center, f"{center}{number}") for center in "ABC" for number in range(4)]
    splits = split_cohort(cohort_of(people), settings_of(seen=["A"], unseen=["C"]))
    assert {key[0] for key in use_of(splits)} == {"A", "C"}


def test_subjects_without_the_targets_mask_take_no_part():
    with_mask = cohort_of([("A", f"a{number}") for number in range(4)])
    without = cohort_of([("B", f"b{number}") for number in range(4)], masks=("thrombus",))
    splits = split_cohort(Cohort(with_mask.subjects + without.subjects), settings_of())
    assert {key[0] for key in use_of(splits)} == {"A"}


def test_unknown_centers_are_all_told_with_the_right_ones():
    cohort = cohort_of([(center, f"{center}{number}") for center in "AB" for number in range(3)])
    named = settings_of(sources=["bids"], bids={"root": "/x"}, seen=["A", "X"], unseen=["Y"])
    with pytest.raises(ConfigError) as error:
        split_cohort(cohort, named, ["Q"])
    assert error.value.problems == (
        "cohort.seen: no center X; there are A, B",
        "cohort.unseen: no center Y; there are A, B",
        "objective.centers: no center Q; there are A",
    )


def test_default_unseen_center_and_left_out_phantom_centers_need_not_be_there():
    cohort = cohort_of([("CHSF", f"a{number}") for number in range(3)])
    bids = {"sources": ["bids"], "bids": {"root": "/x"}}
    assert not split_cohort(cohort, settings_of(**bids, unseen=["ISLES"])).unseen
    assert not split_cohort(cohort, settings_of(unseen=["FOCH", "JHU"])).unseen


@pytest.mark.parametrize(
    ("people", "changes", "message"),
    [
        (
            [("A", "a"), ("A", "b")],
            {"unseen": ["A"]},
            r"no training subject: no seen center .*A 2; unseen: A",
        ),
        (
            [("A", "a"), ("A", "b")],
            {"target": "thrombus"},
            "no training subject: no seen center has a thrombus",
        ),
        ([("A", "a")], {}, "no validation subject is left of 1 subjects"),
        ([("A", "a"), ("B", "a")], {"unseen": ["B"]}, "no training subject is left of 1 subjects"),
        ([("A", "a"), ("A", "b")], {"seen": []}, "no training subject"),
    ],
)
def test_nobody_to_learn_or_validate_from_is_refused(people, changes, message):
    with pytest.raises(ConfigError, match=message):
        split_cohort(cohort_of(people), settings_of(**changes))


def test_objective_that_reads_a_center_without_validation_subjects_is_refused():
    cohort = cohort_of([("A", "a"), ("A", "b"), ("A", "c"), ("B", "d")])
    with pytest.raises(
        ConfigError, match=r"objective\.centers: no validation subject at B; there are some at A"
    ):
        split_cohort(cohort, settings_of(), ["B"])
