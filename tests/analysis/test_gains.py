"""The winner against its rival, from records on disk."""

from __future__ import annotations

from pathlib import Path

import pytest
from builders import result_row
from studies import complete, prepared_study, pruned, write_study, write_trial

from analysis.gains import gain_table
from analysis.method import Method
from analysis.rendering import to_text
from study.config import validate
from study.evaluation.rows import ResultRow
from study.records import Ranking, Replicate, StudyFolder

RATE = "trainer.learning_rate"
METHOD = Method(resamples=100)


def rows(trial: int, *dice: float) -> list[ResultRow]:
    return [result_row(trial=trial, subject=f"CHSF-{place}", dice=value) for place, value in enumerate(dice)]


@pytest.fixture
def folder(tmp_path: Path) -> StudyFolder:
    """Trial 1 has won over trial 0, which has the default settings."""
    config = validate(
        {
            "study": {"name": "s", "root": str(tmp_path)},
            "trainer": {"learning_rate": 0.1},
            "search_space": {"trainer": {"learning_rate": {"type": "float", "low": 0.01, "high": 0.5}}},
        }
    )
    folder = write_study(config, prepared_study())
    write_trial(folder, complete(0, 0.4), searched={RATE: 0.1}, rows=rows(0, 0.4, 0.5, 0.6))
    write_trial(folder, complete(1, 0.7), searched={RATE: 0.3}, rows=rows(1, 0.7, 0.7, 0.7))
    return folder


def replicate(folder: StudyFolder, number: int, trial: int, seed: int, value: float, *dice: float) -> None:
    again = write_trial(folder.replicates, complete(number, value), rows=rows(number, *dice))
    again.replicate.write(Replicate(trial=trial, seed=seed))


def test_without_replicates_the_trials_of_the_search_are_compared_and_luck_is_told(
    folder: StudyFolder,
) -> None:
    table = gain_table(Ranking(folder), METHOD)
    assert table is not None
    (line,) = table.frame().to_dict("records")
    assert (line["n"], line["first"], line["second"]) == (3, pytest.approx(0.7), pytest.approx(0.5))
    assert line["difference"] == pytest.approx(0.2)
    assert "The winner (trial 1) against the default settings (trial 0), on the same" in table.caption
    notes = " ".join(table.notes)
    assert "in part the luckiest" in notes
    assert "noise of seeds is not known" in notes


def test_replicates_stand_for_both_and_the_noise_of_seeds_stands_beside_the_gain(folder: StudyFolder) -> None:
    replicate(folder, 0, 1, 1, 0.5, 0.5, 0.6, 0.7)
    replicate(folder, 1, 0, 1, 0.4, 0.4, 0.5, 0.6)
    replicate(folder, 2, 1, 2, 0.6, 0.6, 0.7, 0.8)
    replicate(folder, 3, 0, 2, 0.4, 0.5, 0.6, 0.7)
    table = gain_table(Ranking(folder), METHOD)
    assert table is not None
    (line,) = table.frame().to_dict("records")
    assert (line["first_runs"], line["second_runs"]) == ("0.600 0.700", "0.500 0.600")
    assert (line["first_sd"], line["difference"]) == (pytest.approx(0.0707, abs=1e-4), pytest.approx(0.1))
    notes = " ".join(table.notes)
    assert "include the noise of seeds" in notes
    assert "luckiest" not in notes
    assert (
        "Objective of trial 1 on validation subjects: 0.700 in the search, 0.500 0.600 with other seeds, sd 0.071."
    ) in notes
    assert "sd of trial 1" in to_text(table)


def test_replicates_make_up_for_default_settings_that_were_stopped(folder: StudyFolder) -> None:
    write_trial(folder, pruned(0), searched={RATE: 0.1})
    assert gain_table(Ranking(folder), METHOD) is None  # it was never tested
    replicate(folder, 0, 1, 1, 0.5, 0.5, 0.6, 0.7)
    replicate(folder, 1, 0, 1, 0.4, 0.4, 0.5, 0.6)
    table = gain_table(Ranking(folder), METHOD)
    assert table is not None
    assert table.frame()["difference"].tolist() == pytest.approx([0.1])
    assert any(
        "Objective of trial 0 on validation subjects: 0.400 with other seeds." in note for note in table.notes
    )


def test_a_single_trial_has_no_rival(tmp_path: Path) -> None:
    folder = write_study(validate({"study": {"name": "s", "root": str(tmp_path)}}), prepared_study())
    write_trial(folder, complete(0, 0.4), rows=rows(0, 0.4))
    assert gain_table(Ranking(folder), METHOD) is None
