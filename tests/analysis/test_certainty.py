"""Whether validation tells the winner from its rival, from records on disk."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from builders import result_row
from studies import complete, fit, prepared_study, write_study, write_trial

from analysis.certainty import certainty, certainty_in_words, trial_spread
from analysis.method import Method
from study.config import Objective, validate
from study.evaluation.objective import SubjectScore
from study.records import Ranking, Replicate, StudyFolder
from study.workflow.report import final_report, summarise

RATE = "trainer.learning_rate"
METHOD = Method(resamples=400)
DEFAULT = (0.40, 0.52, 0.61, 0.33, 0.58, 0.45, 0.70, 0.49)
NOISE = (0.03, -0.02, 0.01, -0.03, 0.02, 0.00, -0.01, 0.01)


def scores(values: Sequence[float]) -> tuple[SubjectScore, ...]:
    """Subjects at one center, full and missing around these values."""
    return tuple(
        SubjectScore("CHSF", f"CHSF-{place}", value + 0.1, value - 0.1) for place, value in enumerate(values)
    )


def trial(folder: StudyFolder, number: int, values: Sequence[float], rate: float) -> None:
    write_trial(
        folder,
        complete(number, float(np.mean(values))),
        searched={RATE: rate},
        rows=[result_row(trial=number)],
        found=fit(scores=scores(values), subjects=len(values)),
    )


@pytest.fixture
def folder(tmp_path: Path) -> StudyFolder:
    """A study whose trial 0 has the default settings."""
    config = validate(
        {
            "study": {"name": "s", "root": str(tmp_path)},
            "trainer": {"learning_rate": 0.1},
            "search_space": {"trainer": {"learning_rate": {"type": "float", "low": 0.01, "high": 0.5}}},
            "evaluation": {"bootstrap": 400},
        }
    )
    folder = write_study(config, prepared_study())
    trial(folder, 0, DEFAULT, 0.1)
    return folder


def test_a_winner_that_is_better_in_every_subject_is_told_from_the_default(folder: StudyFolder) -> None:
    gains = [0.1 + noise for noise in NOISE]
    trial(folder, 1, [value + gain for value, gain in zip(DEFAULT, gains, strict=True)], 0.2)
    trial(folder, 2, [value + noise for value, noise in zip(DEFAULT, NOISE, strict=True)], 0.3)
    found = certainty(Ranking(folder), Objective(), METHOD)
    assert found is not None
    assert (found.winner, found.rival, found.is_default, found.trials) == (1, 0, True, 3)
    assert found.difference == pytest.approx(np.mean(gains))
    assert found.p == pytest.approx(1 / 256)  # of 2^8 patterns of signs, only the one that was seen
    assert found.apart
    assert found.chosen_again == 1.0
    assert "the winner is better than the default settings (trial 0)" in certainty_in_words(found)


def test_a_winner_within_noise_cannot_be_told_and_its_lead_is_weighed_by_the_choice(
    folder: StudyFolder,
) -> None:
    rng = np.random.default_rng(5)
    for number in range(1, 9):
        trial(folder, number, np.array(DEFAULT) + rng.normal(0, 0.03, len(DEFAULT)), 0.1 + number / 100)
    found = certainty(Ranking(folder), Objective(), METHOD)
    assert found is not None
    assert found.p is not None
    assert found.trials == 9
    assert not found.apart
    assert 0.1 < found.chosen_again < 0.95
    assert "cannot be told from the default settings (trial 0)" in certainty_in_words(found)
    assert f"{found.detectable:.3f} 80 times in 100" in certainty_in_words(found)


def test_replicates_stand_for_both_and_the_p_is_over_them(folder: StudyFolder) -> None:
    trial(folder, 1, [value + 0.1 for value in DEFAULT], 0.2)
    for number, (of, shift) in enumerate([(1, 0.02), (1, 0.04), (0, 0.0), (0, 0.02)]):
        values = [value + shift + 0.001 * place for place, value in enumerate(DEFAULT)]
        again = write_trial(
            folder.replicates, complete(number, 0.5), found=fit(scores=scores(values), subjects=8)
        )
        again.replicate.write(Replicate(trial=of, seed=number))
    found = certainty(Ranking(folder), Objective(), METHOD)
    assert found is not None
    assert found.repeated
    assert found.difference == pytest.approx(0.02)  # 0.03 - 0.01, not the 0.1 of the search
    # Replicates differ by 0.02 in each of eight subjects: Wilcoxon's p is that of eight signs.
    assert found.p == pytest.approx(2 / 256)


def test_the_end_of_a_study_says_it_and_the_summary_keeps_it(folder: StudyFolder) -> None:
    trial(folder, 1, [value + 0.1 + noise for value, noise in zip(DEFAULT, NOISE, strict=True)], 0.2)
    config = folder.config.read()
    folder.summary.write(summarise(config, folder))
    telling = folder.summary.read().telling
    assert telling is not None
    assert (telling.rival, telling.is_default, telling.apart, telling.subjects) == (0, True, True, 8)
    assert telling.low is not None
    assert telling.low < telling.difference < 0.13
    assert "On validation subjects, the winner is better than the default settings" in final_report(
        config, folder
    )


def test_few_subjects_and_trials_without_scores_say_so_or_nothing(folder: StudyFolder) -> None:
    trial(folder, 1, [0.9, 0.8], 0.2)
    found = certainty(Ranking(folder), Objective(), METHOD)
    assert found is not None
    assert certainty_in_words(found).startswith(
        "Too few validation subjects to tell the winner from the default"
    )
    write_trial(folder, complete(2, 0.95), searched={RATE: 0.3}, rows=[result_row(trial=2)])
    assert certainty(Ranking(folder), Objective(), METHOD) is None


def test_the_spread_between_trials_is_that_of_subjects_differences(folder: StudyFolder) -> None:
    trial(folder, 1, [value + noise for value, noise in zip(DEFAULT, NOISE, strict=True)], 0.2)
    assert trial_spread(Ranking(folder), Objective()) == pytest.approx(np.std(NOISE, ddof=1))


def test_a_single_trial_has_no_spread(folder: StudyFolder) -> None:
    assert trial_spread(Ranking(folder), Objective()) is None
