"""Which brain takes whose place, and when; whose places are taken at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from study.cohort import split_cohort
from study.cohort.load import plan_cohort
from study.cohort.records import Cohort, Splits, Subject
from study.config import CohortConfig, Phantom
from study.errors import ConfigError
from study.streaming.turns import FreshBrain, Turns, choose_slots

TURNS = Turns({"a": "sub-a", "b": "sub-b", "c": "sub-c"}, every=10)


def shown(iteration: int) -> str:
    """Whose brains the three places show: the number of the generation, 0 for the cohort."""
    brains = [TURNS.brain(key, iteration) for key in "abc"]
    return "".join(str(brain.generation if brain else 0) for brain in brains)


@pytest.mark.parametrize(
    ("iteration", "generations"),
    [
        *((0, "000"), (9, "000"), (10, "100"), (19, "100"), (20, "110"), (30, "111"), (39, "111")),
        *((40, "211"), (50, "221"), (60, "222"), (69, "222"), (70, "322")),
    ],
)
def test_every_so_many_iterations_the_next_place_is_taken(iteration: int, generations: str) -> None:
    assert shown(iteration) == generations


def test_long_trainings_never_repeat_a_brain() -> None:
    seen: dict[FreshBrain, int] = {}
    for iteration in range(0, 3000, 10):
        for key in TURNS.slots:
            if (brain := TURNS.brain(key, iteration)) is not None:
                assert (
                    iteration - seen.get(brain, iteration - 10) == 10
                )  # shown in one piece, then never again
                seen[brain] = iteration
    assert len(seen) == TURNS.taken(2990) == 299


def test_a_brain_is_known_by_its_place_and_generation() -> None:
    brain = TURNS.brain("b", 50)
    assert brain == FreshBrain("b", "sub-b", 2)
    assert brain.own_key == "b-fresh2"


def test_who_has_no_place_stays() -> None:
    assert TURNS.brain("validation", 10_000) is None


def phantoms(**changes: object) -> CohortConfig:
    return CohortConfig(phantom=Phantom(stream=True), controls="include", **changes)


def slots_of(settings: CohortConfig) -> tuple[Cohort, Splits, dict[str, str]]:
    cohort = plan_cohort(settings, Path("nowhere"))
    splits = split_cohort(cohort, settings)
    return cohort, splits, choose_slots(cohort, splits, settings.phantom)


def test_the_places_are_those_of_all_training_phantoms_and_of_nobody_else() -> None:
    cohort, splits, slots = slots_of(phantoms())
    assert set(slots) == set(splits.train)
    assert {cohort[key].center for key in slots} == {"CHSF", "MATAR", "MATAR2", "JHU"}
    assert not set(slots) & {*splits.validation, *splits.test, *splits.unseen, *splits.control}
    assert all(cohort[key].id == name for key, name in slots.items())


def test_the_first_places_are_of_several_centers() -> None:
    cohort, _, slots = slots_of(phantoms())
    assert len({cohort[key].center for key in list(slots)[:6]}) >= 3


def test_the_order_depends_on_the_subjects_alone() -> None:
    cohort, splits, slots = slots_of(phantoms())
    turned = Splits(splits.train[::-1], splits.validation, splits.test, splits.unseen)
    assert list(choose_slots(cohort, turned, Phantom(stream=True))) == list(slots)


def test_pseudonyms_change_no_place(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("ab" * 32)
    key.chmod(0o600)
    _, splits, slots = slots_of(phantoms(pseudonymise=True, pseudonym_key=key))
    assert set(slots) == set(splits.train)
    assert sorted(slots.values()) == sorted(slots_of(phantoms())[2].values())


def test_real_scans_keep_their_places() -> None:
    cohort = Cohort(
        tuple(
            Subject(name, name, center, name, {}, {}, simulated=center != "real")
            for name, center in (("sub-one", "CHSF"), ("sub-two", "real"), ("sub-three", "JHU"))
        )
    )
    splits = Splits(("sub-one", "sub-two", "sub-three"), (), (), ())
    assert set(choose_slots(cohort, splits, Phantom(stream=True))) == {"sub-one", "sub-three"}
    assert choose_slots(cohort, splits, Phantom()) == {}
    real = Splits(("sub-two",), (), (), ())
    with pytest.raises(ConfigError, match="none of the training subjects is one; learn from a simulated"):
        choose_slots(cohort, real, Phantom(stream=True))
