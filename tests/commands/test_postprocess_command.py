"""`python -m study.postprocess`: what it finds, writes and applies."""

from __future__ import annotations

from pathlib import Path

import pytest
from kept_study import OWN, SPACE, asked, call, contents, found, kept_study

from study.errors import ConfigError
from study.records import StudyFolder


@pytest.fixture
def folder(tmp_path: Path) -> StudyFolder:
    return kept_study(tmp_path)


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
    best = found(folder).best.full
    assert best.threshold <= 0.4
    assert best.remove_small.voxels == 4
    assert folder.trial(0).path.joinpath("postprocessing-1.png").read_bytes().startswith(b"\x89PNG")


def test_each_search_has_a_number_of_its_own_and_says_what_was_asked(folder: StudyFolder) -> None:
    call(folder)
    call(folder, "objective.missing=0", "study.seed=3", "search_space.postprocessing.threshold=0.5")
    assert asked(folder)["objective"]["missing"] == 0.5
    wanted, second = asked(folder, number=2), found(folder, number=2)
    assert wanted["objective"]["missing"] == 0
    assert wanted["study"] == {"seed": 3}
    assert wanted["search_space"]["postprocessing"] == {**SPACE, "threshold": 0.5}
    assert second.default_score == pytest.approx((3 + 2 * 24 / 26) / 5)
    assert [curve.path for curve in second.curves] == ["postprocessing.remove_small.voxels"]


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
    assert result.default.full.threshold == 0.7
    assert result.default.full.remove_small.voxels == 3  # the space fixes it
    assert (result.trials, result.exhaustive) == (60, False)
    assert result.best.missing is not None
    assert result.best.missing.threshold <= 0.4
    assert [(curve.cases, curve.path) for curve in result.curves] == [
        ("full", "postprocessing.threshold"),
        ("missing", "postprocessing.threshold"),
    ]


def test_a_choice_of_study_run_and_an_entry_with_a_type_of_its_own(folder: StudyFolder) -> None:
    leaf = "{type: categorical, choices: [0.3, 0.5]}"
    call(folder, "search_space=gradual", f"search_space.postprocessing.threshold={leaf}")
    searched = asked(folder)["search_space"]["postprocessing"]
    assert searched["threshold"] == {"type": "categorical", "choices": [0.3, 0.5]}
    assert searched["remove_small"]["ml"]["type"] == "float"
    call(folder, "search_space.postprocessing.threshold.low=0.3")
    assert asked(folder, number=2)["search_space"]["postprocessing"]["threshold"]["low"] == 0.3


def test_apply_changes_the_post_processing_and_nothing_that_the_trial_was_judged_by(
    folder: StudyFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    trial, before = folder.trial(0), contents(folder)
    call(folder, "apply=true")
    said = capsys.readouterr().out
    assert "test rows stay as they are" in said
    assert f"python -m study.evaluate study.name=tiny study.root={folder.path.parent} trial=0" in said
    assert trial.fits.chains == found(folder).best != OWN.best
    assert before.items() <= contents(folder).items()
    call(folder, "apply=true", "search_space.postprocessing.threshold=0.5")
    assert trial.fits.applied == 2
    assert trial.fits.chains == found(folder, number=2).best


def test_applying_to_another_trial_leaves_the_winner(folder: StudyFolder) -> None:
    call(folder, "trial=1", "apply=true")
    assert [folder.trial(number).fits.applied for number in (0, 1)] == [0, 1]


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
    assert folder.trial(0).fits.chains.full.threshold == 0.5


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
    assert found(folder, trial=1).default_score > found(folder, trial=0).default_score


def test_the_figure_goes_where_it_is_asked_to(folder: StudyFolder, tmp_path: Path) -> None:
    call(folder, f"out={tmp_path / 'figures' / 'curve.svg'}")
    assert "<svg" in (tmp_path / "figures" / "curve.svg").read_text()
    assert not (folder.trial(0).path / "postprocessing-1.png").exists()
