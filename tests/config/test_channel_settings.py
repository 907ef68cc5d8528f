"""Mistakes in `imaging.channels`, and what it does not go with: each is told with what to do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from search_spaces.space import SearchSpace
from study.config import Config, validate
from study.errors import ConfigError


def config_of(values: Mapping[str, Any]) -> Config:
    base = {
        "study": {"name": "test"},
        "cohort": {"modalities": ["DWI", "ADC", "B0"]},
        "modality_dropout": {"droppable": []},
    }
    return validate(base).with_values({"imaging.channels": ["local_contrast", "exponential_adc"], **values})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"imaging.channels": ["local_contrst"]},
            r"imaging\.channels: must be one of exponential_adc, left_right, local_contrast, got 'local_contrst'; "
            r"did you mean local_contrast\?",
        ),
        (
            {"imaging.channels": ["left_right", "left_right"]},
            r"imaging\.channels: must name each channel once, got left_right, left_right",
        ),
        (
            {"cohort.modalities": ["ADC", "B0"], "imaging.channels": ["local_contrast"]},
            r"imaging\.channels: local_contrast is computed from DWI, and DWI is not among cohort\.modalities "
            r"\(ADC, B0\); add it, or leave local_contrast out",
        ),
        (
            {"cohort.modalities": ["dwi", "ADC"], "imaging.channels": ["local_contrast"]},
            r"imaging\.channels: .*DWI is not among cohort\.modalities \(dwi, ADC\); did you mean dwi\?",
        ),
        (
            {"cohort.modalities": ["SWAN", "B0"], "imaging.channels": ["exponential_adc"]},
            r"exponential_adc is computed from DWI and B0, or from ADC, and DWI is not among cohort\.modalities",
        ),
        (
            {"cohort.modalities": ["DWI", "ADC", "local_contrast"]},
            r"imaging\.channels: local_contrast is also one of cohort\.modalities .* rename that one",
        ),
        (
            {"imaging.own_slices": ["B0"]},
            r"imaging\.own_slices: a channel lies on the study's slices .* leave one of the two out",
        ),
        ({"imputation.kind": "physics"}, r"imputation\.kind: .* set imputation\.kind=none"),
        (
            {"model.name": "urn", "modality_dropout.keep_at_least": 2},
            r"imaging\.channels: urn asks for its modalities by name and would not read local_contrast, "
            r"exponential_adc; leave them out, or choose another model",
        ),
        ({"model.name": "attlstm"}, r"imaging\.channels: attlstm asks for its modalities by name"),
        (
            {"model.name": "threshold", "imaging.normalisation": "units"},
            r"imaging\.channels: threshold asks for its modalities by name",
        ),
    ],
)
def test_a_mistake_is_told_with_what_to_do(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        config_of(values)


def test_one_channel_needs_no_list() -> None:
    assert config_of({"imaging.channels": "left_right"}).imaging.channels == ("left_right",)


def test_a_channel_with_another_way_needs_only_one_of_them() -> None:
    only_adc = {"cohort.modalities": ["ADC", "SWAN"], "imaging.channels": ["exponential_adc"]}
    assert config_of(only_adc).channels == ("exponential_adc",)


@pytest.mark.parametrize(
    ("inputs", "expected"),
    [
        ("DWI+ADC+B0", ("local_contrast", "exponential_adc")),
        ("DWI", ("local_contrast",)),
        ("ADC+B0", ("exponential_adc",)),
        ("B0", ()),
    ],
)
def test_an_independent_model_has_the_channels_that_its_modalities_suffice_for(
    inputs: str, expected: tuple[str, ...]
) -> None:
    config = config_of({"model.inputs": inputs})
    assert config.channels == config.narrowed().channels == config.narrowed().imaging.channels == expected


def test_a_search_that_would_impute_is_refused() -> None:
    space = {"imputation": {"kind": {"type": "categorical", "choices": ["none", "physics"]}}}
    config = config_of({})
    with pytest.raises(ConfigError, match=r"imputation\.kind"):
        SearchSpace.parse(space, config)
