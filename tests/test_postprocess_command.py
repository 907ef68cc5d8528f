"""`python -m study.postprocess` on a study's folder with kept probabilities that were drawn by hand."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from study.config import validate
from study.errors import ConfigError, StudyError
from study.evaluation.chains import Chains
from study.evaluation.kept import keep, write_kept
from study.postprocess import main
from study.results import StudyFolder, TrialFolder, read_json, write_json

SPACE = {
    "threshold": {"type": "float", "low": 0.1, "high": 0.9, "step": 0.1},
    "remove_small": {"voxels": {"type": "int", "low": 0, "high": 4, "step": 2}},
}
CHAIN = {"steps": ["threshold", "remove_small"], "threshold": 0.5}


def add_kept(trial: TrialFolder, faint: float) -> None:
    """Five subjects of two centers: a lesion of 12 voxels, fainter without B0, and in those of B a speck of 2."""
    for number in range(5):
        center = "AB"[number % 2]
        reference = np.zeros((3, 10, 10), bool)
        reference[1, 2:5, 2:6] = True
        for subset, removed, level in (("DWI+B0", "", 0.8), ("DWI", "B0", faint)):
            probability = np.where(reference, level, 0.0).astype(np.float32)
            probability[1, 8, 7:9] = 0.6 if center == "B" else 0.0
            case = keep(
                probability,
                reference,
                key=f"{center}-{number:04d}",
                center=center,
                subset=subset,
                removed=removed,
                spacing_mm=(10.0, 1.0, 1.0),
            )
            write_kept(trial.probabilities / f"{case.key}_{subset}.npz", case)


def add_trial(folder: StudyFolder, number: int, value: float, faint: float) -> None:
    trial = folder.trial(number)
    add_kept(trial, faint)
    write_json(trial.parameters, {"trainer.learning_rate": 0.1})
    write_json(
        trial.result,
        {
            "trial": number,
            "state": "complete",
            "value": value,
            "postprocessing": {"full": CHAIN, "missing": None},
        },
    )
    trial.weights.write_bytes(b"a network")


@pytest.fixture
def folder(tmp_path: Path) -> StudyFolder:
    """Two complete trials, of which the first is the winner, and one that was pruned."""
    config = validate(
        {
            "study": {"name": "tiny", "root": str(tmp_path)},
            "cohort": {"modalities": ["DWI", "B0"]},
            "evaluation": {"bootstrap": 200},
            "search_space": {
                "trainer": {"learning_rate": {"type": "float", "low": 0.01, "high": 0.3}},
                "postprocessing": SPACE,
            },
        }
    )
    folder = StudyFolder(tmp_path, "tiny")
    write_json(folder.config, config.model_dump(mode="json"))
    add_trial(folder, 0, 0.6, faint=0.4)
    add_trial(folder, 1, 0.5, faint=0.55)
    write_json(folder.trial(2).result, {"trial": 2, "state": "pruned", "value": 0.9, "postprocessing": None})
    write_json(
        folder.summary,
        {"winner": {"trial": 0, "postprocessing": {"full": CHAIN, "missing": None}}, "states": {}},
    )
    return folder


def call(folder: StudyFolder, *more: str) -> None:
    main(["study.name=tiny", f"study.root={folder.path.parent}", *more])


def found(folder: StudyFolder, trial: int = 0, number: int = 1) -> dict[str, Any]:
    return dict(read_json(folder.trial(trial).path / f"postprocessing-{number}.json"))


def contents(folder: StudyFolder) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.path.rglob("*") if path.is_file()}


def test_the_winner_is_searched_again_and_nothing_else_changes(
    folder: StudyFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents(folder)
    call(folder)
    new = contents(folder)
    names = {path.name for path in new.keys() - before.keys()}
    assert names == {"postprocessing-1.json", "postprocessing-1.png"}
    assert before.items() <= new.items()
    said = capsys.readouterr().out
    assert "trial 0: 5 validation subjects, all 27 settings of the space tried" in said
    # Full: 1, and 24 / 26 in B; without B0: 0.
    assert "default: objective 0.485" in said
    assert "cross-fitted: objective 1.000, gain +0.515" in said
    assert "not applied" in said
    best = Chains.model_validate(found(folder)["best"]).full
    assert best.threshold <= 0.4
    assert best.remove_small.voxels == 4
    assert folder.trial(0).path.joinpath("postprocessing-1.png").read_bytes().startswith(b"\x89PNG")


def test_each_search_has_a_number_of_its_own_and_says_what_was_asked(folder: StudyFolder) -> None:
    call(folder)
    call(folder, "objective.missing=0", "study.seed=3", "search_space.postprocessing.threshold=0.5")
    assert found(folder)["asked"]["objective"]["missing"] == 0.5
    second = found(folder, number=2)
    assert second["asked"]["objective"]["missing"] == 0
    assert second["asked"]["study"] == {"seed": 3}
    assert second["asked"]["search_space"]["postprocessing"] == {**SPACE, "threshold": 0.5}
    assert second["default_score"] == pytest.approx((3 + 2 * 24 / 26) / 5)
    assert set(second["curves"]) == {"postprocessing.remove_small.voxels"}


def test_another_sampler_space_default_and_subsets(folder: StudyFolder, tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text(
        "model: {dropout: 0.1}\npostprocessing:\n  threshold: {type: float, low: 0.3, high: 1e-1, step: 0.1}\n"
    )
    with pytest.raises(ConfigError, match=r"threshold\.low: must be below high=0\.1"):
        call(folder, f"search_space={mine}")
    mine.write_text(
        "postprocessing:\n  threshold: {type: float, low: 0.3, high: 0.9}\n  remove_small: {voxels: 3}\n"
    )
    call(
        folder,
        f"search_space={mine}",
        "postprocessing.threshold=0.7",
        "evaluation.postprocessing_sampler=nsga2",
        "evaluation.postprocessing_trials=60",
        "evaluation.postprocessing_per_subset=true",
    )
    result = found(folder)
    assert result["default"]["full"]["threshold"] == 0.7
    assert result["default"]["full"]["remove_small"]["voxels"] == 3  # the space fixes it
    assert (result["trials"], result["exhaustive"]) == (60, False)
    assert result["best"]["missing"]["threshold"] <= 0.4
    assert set(result["curves"]) == {"full.postprocessing.threshold", "missing.postprocessing.threshold"}


def test_a_choice_of_study_run_and_an_entry_with_a_type_of_its_own(folder: StudyFolder) -> None:
    leaf = "{type: categorical, choices: [0.3, 0.5]}"
    call(folder, "search_space=gradual", f"search_space.postprocessing.threshold={leaf}")
    asked = found(folder)["asked"]["search_space"]["postprocessing"]
    assert asked["threshold"] == {"type": "categorical", "choices": [0.3, 0.5]}
    assert asked["remove_small"]["ml"]["type"] == "float"
    call(folder, "search_space.postprocessing.threshold.low=0.3")
    assert found(folder, number=2)["asked"]["search_space"]["postprocessing"]["threshold"]["low"] == 0.3


def test_apply_changes_the_post_processing_and_nothing_that_the_trial_was_judged_by(
    folder: StudyFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    before = dict(folder.trial(0).read_result() or {})
    call(folder, "apply=true")
    said = capsys.readouterr().out
    assert "test rows are as before" in said
    assert f"python -m study.evaluate study.name=tiny study.root={folder.path.parent} trial=0" in said
    result = dict(folder.trial(0).read_result() or {})
    assert result.pop("postprocessing") == found(folder)["best"]
    assert result.pop("applied") == 1
    assert result == {key: value for key, value in before.items() if key != "postprocessing"}
    assert read_json(folder.summary)["winner"] == {"trial": 0, "postprocessing": found(folder)["best"]}
    call(folder, "apply=true", "search_space.postprocessing.threshold=0.5")
    assert (folder.trial(0).read_result() or {})["applied"] == 2


def test_another_trial_than_the_winner_leaves_the_summary(folder: StudyFolder) -> None:
    before = folder.summary.read_bytes()
    call(folder, "trial=1", "apply=true")
    assert (folder.trial(1).read_result() or {})["applied"] == 1
    assert folder.summary.read_bytes() == before


def test_a_refused_search_applies_the_default(
    folder: StudyFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    # The lesion alone counts, and it is found with both settings: nothing is gained.
    call(
        folder,
        "objective.missing=0",
        "objective.centers=[A]",
        "search_space.postprocessing.threshold={type: categorical, choices: [0.7, 0.75]}",
        "search_space.postprocessing.remove_small={voxels: 0}",
        "apply=true",
    )
    assert "the default is kept" in capsys.readouterr().out
    chains = Chains.model_validate((folder.trial(0).read_result() or {})["postprocessing"])
    assert chains.full.threshold == 0.5


def test_all_complete_trials_are_ranked_by_the_new_objective(
    folder: StudyFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    call(
        folder,
        "trial=all",
        "search_space.postprocessing.threshold={type: categorical, choices: [0.5, 0.7]}",
        "search_space.postprocessing.remove_small={voxels: 0}",
    )
    said = capsys.readouterr().out
    # Trial 1 finds the lesion without B0 at 0.5, with the speck in B; trial 0 only with B0, at 0.7 without the speck.
    assert f"by this objective: trial 1 {(3 + 2 * 24 / 26) / 5:.3f}, trial 0 {1 / 2:.3f}" in said
    assert "trial 2" not in said
    assert found(folder, trial=1)["default_score"] > found(folder, trial=0)["default_score"]


def test_the_figure_goes_where_it_is_asked_to(folder: StudyFolder, tmp_path: Path) -> None:
    call(folder, f"out={tmp_path / 'figures' / 'curve.svg'}")
    assert "<svg" in (tmp_path / "figures" / "curve.svg").read_text()
    assert not (folder.trial(0).path / "postprocessing-1.png").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["trainer.epochs=3"],
            r"trainer\.epochs: no such key, or it changes nothing here; there are study\.name, ",
        ),
        (["evaluation.overlap=0.3"], r"evaluation\.overlap: no such key, or it changes nothing here"),
        (["objective.fool=1"], r"objective\.fool: no such key; objective has full, missing"),
        (["postprocessing.threshold=2"], r"postprocessing\.threshold: .*less than 1"),
        (["search_space.postprocessing.threshold.low=2"], r"search_space\.postprocessing\.threshold"),
        (["search_space.postprocessing.threshold={type"], "not understood"),
        (["search_space=nowhere"], "no file or choice 'nowhere'; choices are abrupt, "),
        (["trial=first"], "trial: must be the number of a trial or all, got 'first'"),
        (["apply=maybe"], "apply: must be true or false"),
        (["out=a.png", "trial=all"], "out: names one figure"),
        (["out=a.doc"], r"out: must end with \.png, \.svg, \.pdf"),
        (
            ["objective.centers=[Nowhere]"],
            "objective.centers: nobody was validated there; validated were A, B",
        ),
        (["apply"], "apply: expected key=value"),
    ],
)
def test_mistakes_are_named_before_anything_is_written(
    folder: StudyFolder, arguments: list[str], said: str
) -> None:
    before = contents(folder)
    with pytest.raises(ConfigError, match=said):
        call(folder, *arguments)
    assert contents(folder) == before


def test_a_file_that_is_no_space_is_refused(folder: StudyFolder, tmp_path: Path) -> None:
    for text, said in (
        ("a: [", "is no YAML"),
        ("trainer: {}", "nothing under postprocessing"),
        ("[1]", "nothing"),
    ):
        path = tmp_path / "space.yaml"
        path.write_text(text)
        with pytest.raises(ConfigError, match=said):
            call(folder, f"search_space={path}")


def test_the_study_is_needed_and_the_trial_must_be_complete(folder: StudyFolder) -> None:
    with pytest.raises(ConfigError, match=r"study\.name: required"):
        main([])
    with pytest.raises(StudyError, match="no study 'other'"):
        main(["study.name=other", f"study.root={folder.path.parent}"])
    with pytest.raises(StudyError, match="trial: 2 is not complete; complete are 0, 1"):
        call(folder, "trial=2")
    for path in folder.trial(1).probabilities.iterdir():
        path.unlink()
    with pytest.raises(StudyError, match="trial 1: no kept probabilities"):
        call(folder, "trial=1")


def test_neither_torch_nor_ray_nor_mlflow_is_imported(folder: StudyFolder) -> None:
    code = (
        "import sys; from study.postprocess import main; main(sys.argv[1:]); "
        "print([name for name in ('torch', 'ray', 'mlflow', 'torchio') if name in sys.modules])"
    )
    arguments = ["study.name=tiny", f"study.root={folder.path.parent}"]
    ended = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[1],
    )
    assert ended.stdout.splitlines()[-1] == "[]"


def test_help_says_all_keys(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--help"])
    said = capsys.readouterr().out
    for key in (
        "trial",
        "apply",
        "objective.…",
        "search_space.postprocessing.…",
        "evaluation.postprocessing_sampler",
    ):
        assert key in said
