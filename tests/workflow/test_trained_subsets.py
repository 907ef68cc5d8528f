"""Which subsets a training showed: by policy, by schedule, and by what its subjects have."""

from __future__ import annotations

from typing import Any

import pytest
from studies import epoch, prepared_study

from study.cohort.records import Splits, SubjectFacts
from study.config import Config, validate
from study.records import PreparedStudy, PreparedSubject
from study.workflow.subsets import trained_subsets

ALL = ("DWI", "ADC", "B0")


def prepared(*having: tuple[str, ...]) -> PreparedStudy:
    keys = tuple(f"CHSF-{number}" for number in range(len(having)))
    subjects = tuple(
        PreparedSubject(facts=SubjectFacts(key, "CHSF"), modalities=names)
        for key, names in zip(keys, having, strict=True)
    )
    return prepared_study(Splits(keys, (), (), ()), subjects=subjects)


def config(**dropout: Any) -> Config:
    content = {"study": {"name": "s"}, "cohort": {"modalities": list(ALL)}, "modality_dropout": dropout}
    return validate(content)


def shares(config: Config, *having: tuple[str, ...], fade: float = 0.0) -> dict[str, float]:
    found = trained_subsets(config, prepared(*(having or (ALL,))), [epoch(1, fade=0.75), epoch(2, fade=fade)])
    assert found is not None
    return {"+".join(names): share for names, share in found.items()}


def test_one_droppable_modality_gives_two_subsets_in_proportion() -> None:
    found = shares(config(drop_probability=0.3))
    assert set(found) == {"DWI+ADC+B0", "DWI+ADC"}
    assert found["DWI+ADC"] == pytest.approx(0.3, abs=0.03)


def test_a_modality_that_never_fades_out_is_never_absent() -> None:
    assert shares(config(drop_probability=0.9), fade=0.25) == {"DWI+ADC+B0": 1.0}
    assert set(shares(config(drop_probability=0.9), fade=0.01)) == {"DWI+ADC+B0", "DWI+ADC"}


def test_dropping_jointly_and_each_on_its_own_differ() -> None:
    droppable = {"droppable": ["ADC", "B0"]}
    assert set(shares(config(**droppable))) == {"DWI+ADC+B0", "DWI+ADC", "DWI+B0", "DWI"}
    assert set(shares(config(**droppable, draw="jointly"))) == {"DWI+ADC+B0", "DWI"}


def test_at_least_so_many_are_kept() -> None:
    found = shares(config(droppable=list(ALL), drop_probability=0.7, keep_at_least=2))
    assert set(found) == {"DWI+ADC+B0", "DWI+ADC", "DWI+B0", "ADC+B0"}


def test_subjects_that_lack_a_modality_count_with_what_they_have() -> None:
    found = shares(config(drop_probability=0.5), ALL, ("DWI", "B0"))
    assert set(found) == {"DWI+ADC+B0", "DWI+ADC", "DWI+B0", "DWI"}
    assert found["DWI"] == pytest.approx(0.25, abs=0.03)
    assert shares(config(droppable=[]), ALL, ALL, ALL, ("DWI",)) == {"DWI+ADC+B0": 0.75, "DWI": 0.25}


def test_what_is_rarer_than_a_sample_in_a_thousand_counts_as_never() -> None:
    found = shares(config(droppable=["ADC", "B0"], drop_probability=0.01))
    assert "DWI" not in found  # one in ten thousand
    assert "DWI+ADC" in found


def test_an_independent_model_saw_its_own_modalities_alone() -> None:
    narrowed = config().with_values({"model.inputs": "DWI+ADC"}).narrowed()
    assert shares(narrowed, ALL, ("DWI", "B0")) == {"DWI+ADC": 1.0}


def test_the_training_of_an_adopted_network_and_of_an_old_study_is_unknown() -> None:
    assert trained_subsets(config(), prepared(ALL), []) is None
    assert trained_subsets(config(), prepared(()), [epoch(1, fade=0.0)]) is None
