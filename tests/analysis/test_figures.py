from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np
import pytest

from analysis.figures import overlay_figure, overlay_figures, postprocessing_figure, training_curves
from search_spaces import repaired
from study.config import Postprocessing
from study.evaluation.chains import Chains
from study.evaluation.fit import Curve, Point, PostprocessingFit
from study.records.overlays import Overlay


def _epochs(count: int) -> list[dict[str, Any]]:
    epochs: list[dict[str, Any]] = []
    for epoch in range(1, count + 1):
        record: dict[str, Any] = {"epoch": epoch, "train_loss": 1 / epoch, "fade": 1 - epoch / count}
        if epoch % 3 == 0:
            record |= {"val_dice_full": 0.5, "val_dice_missing": float("nan"), "objective": 0.5}
        epochs.append(record)
    return epochs


def _square(rows: slice, columns: slice) -> Any:
    mask = np.zeros((20, 16), bool)
    mask[rows, columns] = True
    return mask


def test_curves_show_every_epoch_and_only_epochs_that_were_validated() -> None:
    loss, dice, fade = training_curves(_epochs(9)).axes
    assert loss.lines[0].get_xdata().tolist() == list(range(1, 10))
    assert loss.lines[0].get_ydata().tolist() == [1 / epoch for epoch in range(1, 10)]
    assert [line.get_label() for line in dice.lines] == ["all modalities"]  # the other has no number
    assert dice.lines[0].get_xdata().tolist() == [3, 6, 9]
    assert fade.lines[0].get_ydata()[-1] == 0


@pytest.mark.parametrize("count", [0, 1, 2])
def test_curves_of_hardly_any_epochs_can_be_drawn(count: int) -> None:
    training_curves(_epochs(count)).savefig(BytesIO())


def test_an_overlay_has_a_panel_per_modality_and_names_the_absent_one() -> None:
    image = np.random.default_rng(0).normal(size=(3, 20, 16))
    image[2] = 0
    figure = overlay_figure(
        image, ["DWI", "ADC", "B0"], _square(slice(5, 9), slice(4, 9)), _square(slice(0, 0), slice(0)), "x"
    )
    assert [axes.get_title() for axes in figure.axes] == ["DWI", "ADC", "B0"]
    texts = [{text.get_text() for text in axes.texts} for axes in figure.axes]
    assert texts == [{"R"}, {"R"}, {"R", "absent"}]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        "reference",
        "prediction (nothing in this slice)",
    ]


def test_outlines_run_between_voxels_also_at_the_border() -> None:
    image = np.ones((1, 20, 16))
    figure = overlay_figure(
        image, ["DWI"], _square(slice(0, 4), slice(2, 6)), _square(slice(0, 0), slice(0)), "x"
    )
    (axes,) = figure.axes
    (path,) = axes.collections[0].get_paths()
    assert path.vertices.min(axis=0).tolist() == [1.5, -0.5]
    assert path.vertices.max(axis=0).tolist() == [5.5, 3.5]


def test_the_patient_s_right_is_on_the_left_and_the_front_on_top() -> None:
    (axes,) = overlay_figure(np.ones((1, 20, 16)), ["DWI"], *[_square(slice(0, 0), slice(0))] * 2, "x").axes
    right, back = axes.transData.transform((15, 0)), axes.transData.transform((0, 0))
    front = axes.transData.transform((0, 19))
    assert right[0] < back[0]
    assert front[1] > back[1]


def test_an_empty_image_can_be_drawn() -> None:
    empty = _square(slice(0, 0), slice(0))
    overlay_figure(np.zeros((2, 20, 16)), ["DWI", "ADC"], empty, empty, "x").savefig(BytesIO())


def test_each_center_has_its_overlay_in_alphabetical_order() -> None:
    square = _square(slice(5, 9), slice(4, 9))
    image = np.ones((2, 20, 16), np.float16)
    figures = overlay_figures(
        [Overlay(center, "DWI+ADC", ("DWI", "ADC"), image, square, square) for center in ("ISLES", "CHSF")]
    )
    assert list(figures) == ["CHSF", "ISLES"]
    assert figures["ISLES"].get_suptitle() == "ISLES, given DWI+ADC"


CHAIN = Postprocessing(steps=("threshold",))
THRESHOLDS = Curve(
    cases="all",
    path="postprocessing.threshold",
    points=(Point(0.3, 0.55), Point(0.4, 0.62), Point(0.5, 0.58)),
)
STEPS = Curve(
    cases="all",
    path="postprocessing.steps",
    points=(Point(("threshold",), 0.62), Point(("threshold", "grow"), 0.6)),
)
FIT = PostprocessingFit(
    default=Chains(full=CHAIN),
    fitted=Chains(full=repaired(CHAIN, {"threshold": 0.4})),
    crossfit_score=0.61,
    fitted_score=0.62,
    default_score=0.58,
    gain=0.03,
    gain_low=-0.01,
    gain_high=0.07,
    subjects=9,
    trials=200,
    curves=(THRESHOLDS, STEPS),
)


def test_each_searched_value_has_a_curve_with_default_and_best() -> None:
    figure = postprocessing_figure(FIT)
    numbers, names = (axes for axes in figure.axes if axes.axison)
    curve, default, best = numbers.lines
    assert list(curve.get_xdata()) == [0.3, 0.4, 0.5]
    assert list(curve.get_ydata()) == [0.55, 0.62, 0.58]
    assert list(default.get_xdata()) == [0.5, 0.5]
    assert (list(best.get_xdata()), list(best.get_ydata())) == ([0.4], [0.62])
    assert numbers.get_xlabel() == "threshold (probability)"
    assert [text.get_text() for text in names.get_xticklabels()] == ["threshold", "threshold\ngrow"]
    assert names.lines[0].get_linestyle() == "None"  # nothing lies between two lists of steps
    assert list(names.lines[1].get_xdata()) == [0.0, 0.0]
    assert numbers.get_ylim() == names.get_ylim()
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        "default",
        "best found on all validation subjects",
    ]


def test_the_title_says_what_the_search_is_worth() -> None:
    title = postprocessing_figure(FIT).get_suptitle()
    assert title.splitlines()[1] == "gain +0.030 (95 % -0.010 to +0.070, within noise)"
    certain = FIT.model_copy(update={"within_noise": False, "gain_low": 0.01})
    assert "noise" not in postprocessing_figure(certain).get_suptitle()
    refused = postprocessing_figure(FIT.model_copy(update={"gain": 0.0}))
    assert refused.get_suptitle().endswith("; the default is kept")


def test_two_chains_have_curves_of_their_own() -> None:
    curves = [
        Curve(cases=cases, path="postprocessing.threshold", points=(Point(0.2, low), Point(0.5, high)))
        for cases, low, high in (("full", 0.1, 0.2), ("missing", 0.4, 0.3))
    ]
    fitted = Chains(full=CHAIN, missing=repaired(CHAIN, {"threshold": 0.2}))
    fit = FIT.model_copy(update={"fitted": fitted, "curves": tuple(curves)})
    panels = [axes for axes in postprocessing_figure(fit).axes if axes.axison]
    assert [axes.get_xlabel() for axes in panels] == [
        "full: threshold (probability)",
        "missing: threshold (probability)",
    ]
    assert [list(axes.lines[2].get_xdata()) for axes in panels] == [[0.5], [0.2]]
    assert [list(axes.lines[1].get_xdata()) for axes in panels] == [[0.5, 0.5]] * 2


@pytest.mark.parametrize("curves", [(), (THRESHOLDS.model_copy(update={"points": ()}),)])
def test_a_search_without_scores_can_be_drawn(curves: tuple[Curve, ...]) -> None:
    figure = postprocessing_figure(FIT.model_copy(update={"curves": curves, "trials": 0}))
    assert "nothing was searched" in figure.get_suptitle()
    figure.savefig(BytesIO())
