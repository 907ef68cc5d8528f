from pathlib import Path

import pytest

from study.config import Config, legal_keys, validate
from study.errors import ConfigError


def config(**sections: object) -> Config:
    return validate({"study": {"name": "s"}, **sections})


def problems(**sections: object) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as error:
        config(**sections)
    return error.value.problems


def test_every_mistake_is_told_at_once_with_its_path() -> None:
    found = problems(trainer={"epochs": 0, "colour": 1}, modality_dropout={"drop_probability": 1.5})
    assert [problem.split(":")[0] for problem in found] == [
        "modality_dropout.drop_probability",
        "trainer.epochs",
        "trainer.colour",
    ]


def test_an_unknown_key_is_answered_with_the_nearest_or_with_the_keys_that_there_are() -> None:
    (problem,) = problems(postprocessing={"treshold": 0.4})
    assert problem == "postprocessing.treshold: no such key; did you mean postprocessing.threshold?"
    (problem,) = problems(postprocessing={"zzz": 0.4})
    assert problem == (
        "postprocessing.zzz: no such key; "
        "postprocessing has steps, threshold, remove_small, keep_biggest, near_lesion, grow, intensity, seeds, "
        "settings"
    )


@pytest.mark.parametrize(
    ("sections", "words"),
    [
        ({"cohort": {"seen": ["A", "B"], "unseen": ["B"]}}, "center B is both seen and unseen"),
        ({"objective": {"centers": ["ISLES"]}}, "ISLES is unseen"),
        ({"modality_dropout": {"droppable": ["T2"]}}, "T2 is not among cohort.modalities (DWI, ADC, B0)"),
        ({"schedule": {"hold": 0.9, "finish": 0.5}}, "hold must be below finish=0.5"),
        ({"schedule": {"start": 0.2, "end": 0.5}}, "end must not be above start=0.2"),
        ({"schedule": {"shape": "free", "drops": [0.0, 0.0]}}, "drops must not all be 0"),
        ({"cohort": {"sources": ["manifest"]}}, "needs cohort.path="),
        ({"cohort": {"sources": ["isles2022"]}}, "needs cohort.isles2022.root="),
        ({"cohort": {"splits": {"validation": 0.6, "test": 0.5}}}, "must leave something to train on"),
        ({"objective": {"full": 0, "missing": 0}}, "all weights are 0"),
        ({"trainer": {"learning_rate": float("nan")}}, "trainer.learning_rate"),
        (
            {"postprocessing": {"steps": ["threshold", "grow"], "grow": {"threshold": 0.6}}},
            "postprocessing: grow.threshold must not be above threshold=0.5, got 0.6",
        ),
        (
            {"postprocessing": {"steps": ["threshold", "near_lesion"], "near_lesion": {"voxels": None}}},
            "postprocessing: near_lesion needs a limit, got voxels=null and mm=null",
        ),
        (
            {"trainer": {"sampling": "pairs", "batch_size": 3}},
            "must be even with trainer.sampling=pairs, got 3",
        ),
        ({"imaging": {"own_slices": ["SWAN"]}}, "imaging.own_slices: must name modalities of the cohort"),
        ({"imaging": {"own_slices": ["DWI", "DWI"]}}, "each once (DWI, ADC, B0), got DWI, DWI"),
        ({"imaging": {"own_slices": ["DWI"], "reference": "DWI"}}, "DWI is imaging.reference"),
        ({"imaging": {"in_plane_crop": [0, 256]}}, "imaging.in_plane_crop: entry 1 must be"),
        ({"evaluation": {"blending": "mean"}}, "evaluation.blending"),
        (
            {
                "model": {"name": "urn"},
                "modality_dropout": {"keep_at_least": 2},
                "filler": {"kind": "learned"},
            },
            "filler.kind: urn reads nothing of modalities that are not given",
        ),
        ({"cohort": {"modalities": ["DWI+ADC", "B0"]}}, "modalities: DWI+ADC must not contain '+'"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(sections: dict[str, object], words: str) -> None:
    assert any(words in problem for problem in problems(**sections))


def test_a_copy_with_other_values_is_judged_like_any_configuration() -> None:
    assert config().with_values({"schedule.steps": 7}).schedule.steps == 7
    with pytest.raises(ConfigError, match=r"schedule\.steps"):
        config().with_values({"schedule.steps": 1})


def test_the_configuration_is_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        config().trainer.epochs = 3  # type: ignore[misc]


def test_paths_become_absolute_so_that_every_process_reads_the_same_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert config().study.root == tmp_path / "studies"


def test_content_survives_json() -> None:
    first = config(cohort={"unseen": ["A"]}, study={"name": "s", "seed": 3})
    assert validate(first.model_dump(mode="json")) == first


def test_legal_keys_of_nested_sections() -> None:
    assert "size" in legal_keys("cohort.phantom")
    assert legal_keys("cohort.nowhere") == ()


def test_an_independent_model_has_the_own_slices_of_its_modalities() -> None:
    chosen = config(imaging={"own_slices": ["DWI", "ADC"]}, model={"inputs": "ADC+B0"})
    assert chosen.narrowed().imaging.own_slices == ("ADC",)
