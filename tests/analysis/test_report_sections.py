"""What the sections of a report say, of studies in every state."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from builders import result_row, rows_frame
from studies import complete, epoch, failed, prepared_study, pruned, write_study, write_trial

from analysis.estimates import Estimate, Interval
from analysis.method import Method
from analysis.report.content import Section
from analysis.report.sections import SECTIONS
from analysis.report.sections.answer import answer
from analysis.report.sections.failures import failures
from analysis.report.sections.strata import size_table
from analysis.report.sections.tradeoff import pareto_front
from analysis.report.sections.volumes import agreements
from analysis.report.strips import Shown, as_seen, classes, volumes
from analysis.report.view import StudyView, TrialView
from analysis.report.words import listed, verdict
from study.config import validate
from study.evaluation.rows import ResultRow
from study.records import StudyFolder
from study.records.examples import Example, ExampleMask
from study.records.results import SynthesisMean


def make(root: Path, **study: Any) -> StudyFolder:
    config = validate({"study": {"name": "s", "root": str(root), **study}})
    return write_study(config, prepared_study())


def subject_rows(shift: float = 0.0) -> list[ResultRow]:
    """Six test subjects at a seen and six at an unseen center, the latter also without B0."""
    rows = []
    for nth in range(6):
        dice = 0.5 + 0.01 * nth + shift
        rows.append(result_row(subject=f"CHSF-{nth:04d}", dice=dice))
        unseen: dict[str, Any] = {"center": "ISLES", "seen": False, "subject": f"ISLES-{nth:04d}"}
        rows.append(result_row(dice=dice - 0.1, **unseen))
        rows.append(result_row(dice=dice - 0.2, removed="B0", subset="DWI+ADC", **unseen))
    return rows


def sections(folder: StudyFolder) -> dict[str, Section]:
    view = StudyView(folder)
    found = [section for make in SECTIONS if (section := make(view)) is not None]
    return {section.name: section for section in found}


def test_the_answer_is_that_of_the_unseen_centers_with_its_certainty(tmp_path: Path) -> None:
    folder = make(tmp_path, trials=2)
    write_trial(folder, complete(0, 0.6), rows=subject_rows(), searched={"trainer.learning_rate": 0.1})
    write_trial(folder, complete(1, 0.5), rows=subject_rows(-0.05), searched={"trainer.learning_rate": 0.2})
    said = answer(StudyView(folder))
    assert [point.lead for point in said.points] == [
        # mean 0.325; sd of 0, 0.01 … 0.05 is 0.0187, over √6 and times t(5) = 2.5706: 0.0196
        "At the unseen center ISLES without B0: Dice 0.325 (0.305 to 0.345)",
        "At the unseen center ISLES with all they have: Dice 0.425 (0.405 to 0.445)",
    ]
    assert "n = 6" in said.points[0].rest
    assert "Trial 0 won" in said.more[0]
    assert "trainer.learning_rate = 0.1" in said.more[0]
    assert not any("Provisional" in paragraph for paragraph in said.prose)


def test_a_study_under_way_has_a_provisional_answer(tmp_path: Path) -> None:
    folder = make(tmp_path, trials=5)
    write_trial(folder, complete(0, 0.6), rows=subject_rows())
    assert any(
        "Provisional: 1 of 5 trials ended" in paragraph for paragraph in answer(StudyView(folder)).prose
    )


def test_a_winner_that_learnt_nothing_is_not_crowned(tmp_path: Path) -> None:
    folder = make(tmp_path, trials=1)
    write_trial(folder, complete(0, 0.005), rows=subject_rows())
    assert "nothing was learnt" in answer(StudyView(folder)).more[0]


def test_where_no_winner_can_be_named_the_answer_says_why(tmp_path: Path) -> None:
    folder = make(tmp_path, trials=1)
    write_trial(folder, complete(0, 0.0), rows=subject_rows())
    said = answer(StudyView(folder))
    assert said.prose[-1].startswith("No answer: no winner can be named, because the highest objective is 0")
    assert said.points == ()


def test_without_test_subjects_it_says_so(tmp_path: Path) -> None:
    folder = make(tmp_path, trials=1)
    write_trial(folder, complete(0, 0.6))
    assert "no test subjects" in answer(StudyView(folder)).prose[-1]


def test_all_trials_failed(tmp_path: Path) -> None:
    folder = make(tmp_path, trials=2)
    for number in range(2):
        write_trial(folder, failed(number), epochs=[epoch(1)])
    assert "all 2 trials failed" in answer(StudyView(folder)).prose[-1]
    (table,) = failures(StudyView(folder)).tables
    assert table.rows == (("TrainingError: the loss is nan", 2, "0, 1"),)


@pytest.mark.parametrize("trials", ["none", "running", "pruned", "one"])
def test_a_study_in_any_state_has_a_report(tmp_path: Path, trials: str) -> None:
    folder = make(tmp_path, trials=3)
    if trials == "running":
        folder.trial(0).parameters.write({"trainer.learning_rate": 0.1})
        folder.trial(0).training.epochs.write([epoch(1), epoch(2)])
    elif trials == "pruned":
        write_trial(folder, pruned(0), epochs=[epoch(1), epoch(2)])
    elif trials == "one":
        write_trial(folder, complete(0), rows=subject_rows(), epochs=[epoch(1), epoch(2)])
    made = sections(folder)
    assert {"answer", "failures", "hygiene", "methods"} <= made.keys()
    assert ("centers" in made) == (trials == "one")
    for section in made.values():
        for drawing in section.drawings:
            drawing.draw().canvas.draw()


def test_all_metrics_stand_beside_what_was_synthesised(tmp_path: Path) -> None:
    folder = make(tmp_path, trials=1)
    synthesis = SynthesisMean(center="CHSF", given="DWI", modality="B0", psnr_db=20.0, ssim=0.9, subjects=6)
    write_trial(folder, complete(0, 0.6, synthesis=(synthesis,)), rows=subject_rows())
    found = sections(folder)
    assert [table.name for table in found["metrics"].tables] == ["metrics", "synthesis"]
    assert "metrics" not in [table.name for table in found["centers"].tables]
    said = found["methods"].tables[0].frame().set_index("asks_for").loc["metrics of performance", "text"]
    assert "HD95" in said
    assert "Where both masks are empty, Dice is 1" in said


def test_the_methods_tell_of_fresh_brains(tmp_path: Path) -> None:
    config = validate(
        {
            "study": {"name": "s", "root": str(tmp_path)},
            "cohort": {"phantom": {"stream": True, "stream_every": 7}},
        }
    )
    said = sections(write_study(config, prepared_study()))["methods"].prose[-1]
    assert "every 7 iterations of a training, a simulated training subject was replaced by a new one" in said


def test_verdicts_need_an_interval_and_p() -> None:
    better = Estimate(0.1, 9, Interval(0.05, 0.15))
    assert verdict(better, 0.01, "X").startswith("better than X (difference +0.100 (+0.050 to +0.150), n = 9")
    assert verdict(Estimate(-0.1, 9, Interval(-0.15, -0.05)), 0.01, "X").startswith("worse than X")
    assert verdict(better, 0.2, "X").startswith("not distinguishable from X")
    assert verdict(Estimate(0.1, 9, Interval(-0.05, 0.15)), 0.01, "X").startswith("not distinguishable")
    assert verdict(Estimate(0.1, 3), None, "X").startswith("too few subjects to tell from X")


def test_names_are_listed_as_one_says_them() -> None:
    assert [listed([]), listed(["A"]), listed(["A", "B"]), listed(["A", "B", "C"])] == [
        "",
        "A",
        "A and B",
        "A, B and C",
    ]


def test_the_pareto_front_has_the_trials_that_no_other_one_beats(tmp_path: Path) -> None:
    folder = make(tmp_path)
    points = [(0.9, 0.1), (0.5, 0.5), (0.4, 0.4), (0.9, 0.05), (0.2, 0.7), (0.5, 0.3), (0.1, 0.7)]
    trials = [(TrialView(folder.trial(nth), None, {}, ()), *point) for nth, point in enumerate(points)]
    assert [trial.number for trial, *_ in pareto_front(trials)] == [0, 1, 4]


def test_limits_of_agreement_are_the_bias_and_twice_the_spread() -> None:
    differences = [1.0, 2.0, 3.0, 4.0, 5.0]  # mean 3, standard deviation √2.5
    changes = [
        {"subject": f"S{nth}", "reference_volume_ml": 10.0, "predicted_volume_ml": 10.0 + difference}
        for nth, difference in enumerate(differences)
    ]
    (found,) = agreements(rows_frame(*changes))
    assert found.bias.mean == pytest.approx(3.0)
    assert found.limits == pytest.approx((3 - 1.959964 * 2.5**0.5, 3 + 1.959964 * 2.5**0.5))
    assert found.means.tolist() == [10.5, 11.0, 11.5, 12.0, 12.5]


def test_four_subjects_have_no_limits_of_agreement() -> None:
    (found,) = agreements(
        rows_frame(*({"subject": f"S{nth}", "predicted_volume_ml": float(nth)} for nth in range(4)))
    )
    assert found.limits is None


def test_sizes_are_classes_that_begin_at_their_lower_bound() -> None:
    sizes = [0.5, 1.0, 9.9, 10.0, 50.0, 900.0]
    changes = [{"subject": f"S{nth}", "reference_volume_ml": size} for nth, size in enumerate(sizes)]
    table = size_table(pd.DataFrame(rows_frame(*changes)), Method())
    assert [(row[2], row[3]) for row in table.rows] == [
        ("below 1 mL", 1),
        ("1 to 10 mL", 2),
        ("10 to 50 mL", 1),
        ("from 50 mL", 2),
    ]


def test_voxels_are_found_false_or_missed() -> None:
    reference, prediction = np.array([[True, True, False, False]]), np.array([[True, False, True, False]])
    assert classes(reference, prediction).tolist() == [[1, 3, 2, 0]]


def test_the_patient_s_right_is_on_the_left_and_the_front_at_the_top() -> None:
    volume = np.arange(4, dtype=np.uint8).reshape(1, 2, 2)
    assert as_seen(volume).tolist() == [[[3, 2], [1, 0]]]


def test_a_volume_is_cropped_and_begins_where_the_lesion_is_largest() -> None:
    reference = np.zeros((6, 10, 10), bool)
    reference[2, 4, 4] = reference[3, 4, 4:6] = True
    image = np.zeros((6, 10, 10), np.float32)
    image[1:5, 2:8, 3:7] = np.linspace(1, 2, 96).reshape(4, 6, 4)
    example = Example("A-0001", "A", "best", reference, (ExampleMask("", 0.5, reference),))
    (found,) = volumes([Shown(example, image, (5.0, 2.0, 1.0))])
    assert (found.slices, found.start) == (4, 2)
    assert found.height == round(found.width * 6 * 2.0 / (4 * 1.0))
    assert found.title == "A, best: A-0001"
    assert found.strip.startswith(b"\xff\xd8")
    assert [layer.label for layer in found.layers] == ["with all they have: Dice 0.500"]


def test_a_volume_without_image_has_its_marks() -> None:
    reference = np.ones((2, 3, 4), bool)
    example = Example("A-0001", "A", "only", reference, (ExampleMask("B0", 1.0, reference),))
    (found,) = volumes([Shown(example, None, (1.0, 1.0, 1.0))])
    assert found.strip == b""
    assert found.layers[0].strip.startswith(b"\x89PNG")
