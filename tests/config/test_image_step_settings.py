"""Settings of the steps that see images: what is refused, what becomes of drawn contradictions, what a search reads."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from builders import availability
from pydantic import ValidationError

from search_spaces import SearchSpace
from search_spaces.repair import repaired
from study.config import Config, Postprocessing, validate
from study.errors import ConfigError, StudyError
from study.evaluation.images import ImageValues
from study.evaluation.kept import KeptCase, keep
from study.evaluation.settings_space import SettingsSpace
from study.workflow.postprocessing import fit_postprocessing, images_to_keep


@pytest.mark.parametrize(
    ("steps", "values", "complaint"),
    [
        (["remove_small", "seeds"], {}, "seeds right after threshold, as it begins anew, got threshold, remove_small"),
        (["seeds", "grow"], {}, "must not have both seeds and grow"),
        (["seeds"], {"seeds": {"threshold": 0.2}}, r"seeds.grow_threshold must not be above seeds.threshold=0.2, got"),
        (["seeds"], {"seeds": {"bound": 1.1}}, r"grow_bound must not be below seeds.bound=1.1 with seeds.side=below"),
        (["seeds"], {"seeds": {"side": "above"}}, r"must not be above seeds.bound=0.6 with seeds.side=above"),
        (["seeds"], {"seeds": {"bound": -900.0}}, "greater than or equal to -32"),
        (["intensity"], {}, "intensity needs a limit, got low=null and high=null"),
        (["intensity"], {"intensity": {"low": 1.0, "high": 0.5}}, r"low must not be above intensity.high=0.5, got 1.0"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused(steps: list[str], values: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        Postprocessing.model_validate({"steps": ["threshold", *steps], **values})
    Postprocessing.model_validate(
        values if "900" not in str(values) else {}
    )  # not judged where it is left out


@pytest.mark.parametrize(
    ("drawn", "path", "value"),
    [
        ({"steps": ("threshold", "seeds"), "seeds.threshold": 0.2}, "grow_threshold", 0.2),
        ({"steps": ("threshold", "seeds"), "seeds.bound": 1.3}, "grow_bound", 1.3),
        ({"steps": ("threshold", "seeds"), "seeds.side": "above", "seeds.bound": 0.8}, "grow_bound", 0.8),
    ],
)
def test_drawn_contradictions_of_seeds_are_repaired(drawn: dict[str, Any], path: str, value: float) -> None:
    assert getattr(repaired(Postprocessing(), drawn).seeds, path) == value


def test_an_intensity_that_would_do_nothing_is_left_out_and_crossed_limits_meet() -> None:
    chain = ("threshold", "intensity", "fill_holes")
    assert repaired(Postprocessing(), {"steps": chain}).steps == ("threshold", "fill_holes")
    crossed = repaired(Postprocessing(), {"steps": chain, "intensity.low": 1.0, "intensity.high": 0.7})
    assert crossed.steps == chain
    assert crossed.intensity.low == crossed.intensity.high == 0.7


def config(postprocessing: Any = None, space: Any = None, **sections: Any) -> Config:
    return validate(
        {
            "study": {"name": "test"},
            "cohort": {"modalities": ["DWI", "ADC"]},
            "modality_dropout": {"droppable": ["ADC"]},
            "postprocessing": postprocessing or {},
            "search_space": {"postprocessing": space or {}},
            **sections,
        }
    )


def test_the_image_of_a_step_is_a_modality_of_the_cohort() -> None:
    chain = {"steps": ["threshold", "seeds"], "seeds": {"modality": "ADCmap"}}
    with pytest.raises(ConfigError, match=r"postprocessing.seeds.modality: ADCmap is not among .*ADC"):
        config(chain)
    config({"seeds": {"modality": "ADCmap"}})  # not among the steps


def test_an_independent_model_without_the_modality_skips_the_step() -> None:
    one = config({"steps": ["threshold", "seeds"]}, model={"inputs": "DWI"}).narrowed()
    assert one.postprocessing.steps == ("threshold", "seeds")


SPACE = {
    "steps": {
        "type": "categorical",
        "choices": [["threshold"], ["threshold", "seeds"], ["threshold", "seeds", "intensity"]],
    },
    "seeds": {
        "threshold": {"type": "float", "low": 0.5, "high": 0.95},
        "grow_threshold": {"type": "float", "low": 0.1, "high": 0.6},
        "bound": {"type": "float", "low": 0.4, "high": 0.8},
        "grow_bound": {"type": "float", "low": 0.6, "high": 1.3},
    },
    "intensity": {
        "modality": {"type": "categorical", "choices": ["ADC", "DWI"]},
        "low": {"type": "float", "low": -1.0, "high": 0.5},
    },
}


def test_a_search_keeps_the_images_that_any_of_its_chains_reads() -> None:
    assert images_to_keep(config()) == ()
    assert images_to_keep(config({"steps": ["threshold", "seeds"]})) == ("ADC",)
    assert sorted(images_to_keep(config(space=SPACE))) == ["ADC", "DWI"]


def test_a_search_rounds_the_bound_that_it_builds_trees_for_and_looks_down_to_the_lowest_threshold() -> None:
    searched = config(space=SPACE)
    space = SettingsSpace(
        SearchSpace.parse(searched.search_space, searched).postprocessing, searched.postprocessing
    )
    steps = {"postprocessing.steps": ["threshold", "seeds"]}
    drawn = space.settings(
        steps | {"postprocessing.seeds.grow_bound": 0.9312, "postprocessing.seeds.bound": 0.6321}
    )
    assert drawn.seeds.grow_bound == 0.95
    assert drawn.seeds.bound == 0.65
    assert space.lowest == 0.1


def kept_case(key: str, *names: str, given: str = "DWI+ADC") -> KeptCase:
    """A lesion of two dark voxels, and as probable a false one that is not dark."""
    probability = np.zeros((1, 1, 9), np.float32)
    probability[0, 0, [1, 2, 5, 6, 7]] = 0.97
    values = np.array([[[500, 500, 500, 500, 900, 900, 900, 900, 900]]], np.int16)
    reference = np.zeros((1, 1, 9), bool)
    reference[0, 0, 1:3] = True
    return keep(
        probability,
        reference,
        key=key,
        center="CHSF",
        availability=availability("DWI+ADC", given, "" if given == "DWI+ADC" else "ADC"),
        spacing_mm=(1.0, 1.0, 1.0),
        images=[ImageValues(name, values) for name in names],
    )


def test_a_search_finds_that_lesions_are_dark() -> None:
    space = {"steps": SPACE["steps"] | {"choices": [["threshold"], ["threshold", "seeds"]]}}
    kept = [kept_case(f"CHSF-{number}", "ADC") for number in range(6)]
    kept += [kept_case(f"CHSF-{number}", given="DWI") for number in range(6)]
    fit = fit_postprocessing(kept, config(space=space))
    assert fit.best.full.steps == ("threshold", "seeds")
    assert fit.default_parts.full == pytest.approx(4 / 7)
    assert fit.crossfit_parts.full == 1
    assert fit.crossfit_parts.missing == pytest.approx(4 / 7)  # the step is skipped without ADC


def test_probabilities_that_were_kept_without_the_image_are_told_so() -> None:
    kept = [kept_case("CHSF-1"), kept_case("CHSF-2")]
    assert fit_postprocessing(kept, config()).subjects == 2
    with pytest.raises(
        StudyError, match=r"CHSF-1: the values of ADC that postprocessing.steps reads are not kept"
    ):
        fit_postprocessing(kept, config({"steps": ["threshold", "seeds"]}))
    fit_postprocessing([kept_case("CHSF-1", given="DWI")], config({"steps": ["threshold", "seeds"]}))
