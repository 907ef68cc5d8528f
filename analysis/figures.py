"""Figures of a trial: training curves, post-processing, and a predicted slice of each center."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from analysis.rendering import shown_interval
from study.evaluation.settings_space import step_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from study.evaluation.chains import Chains
    from study.evaluation.fit import Curve, PostprocessingFit
    from study.records.overlays import Overlay

# Okabe and Ito's colours, which are distinct with every kind of colour vision.
BLUE, SKY, ORANGE, GREEN, VERMILION, GREY = "#0072B2", "#56B4E9", "#E69F00", "#009E73", "#D55E00", "#666666"
DICE = {
    "val_dice_full": ("all modalities", BLUE, "o"),
    "val_dice_missing": ("a modality removed", VERMILION, "s"),
    "val_dice_worst_center": ("worst center", GREY, "^"),
}
UNITS = {"ml": "mL", "mm": "mm", "voxels": "voxels", "threshold": "probability", "ratio": "of the largest"}
OUTLINES = {"reference": ORANGE, "prediction": SKY}


def training_curves(epochs: Sequence[Mapping[str, Any]], rungs: Sequence[int] = ()) -> Figure:
    """Loss, validation Dice and the fade of dropped modalities over epochs.

    Args:
        epochs: the records of `epochs.jsonl`; what a record lacks is left out.
        rungs: epochs that are marked, at which trials are compared.
    """
    from matplotlib.figure import Figure

    # Fixed margins: a layout that is worked out takes as long as all the drawing.
    figure = Figure(figsize=(7, 6.5))
    figure.subplots_adjust(left=0.13, right=0.985, bottom=0.075, top=0.985, hspace=0.08)
    loss, dice, fade = figure.subplots(3, 1, sharex=True, height_ratios=(3, 3, 1.5))
    marker = "o" if len(epochs) == 1 else ""
    loss.plot(*_series(epochs, "train_loss"), color=GREY, marker=marker, markersize=4)
    loss.set_ylabel("training loss")
    for key, (label, color, symbol) in DICE.items():
        steps, values = _series(epochs, key)
        if steps:
            size = 4 if len(steps) <= 50 else 0
            dice.plot(steps, values, color=color, marker=symbol, markersize=size, label=label)
    if dice.lines:
        dice.legend(frameon=False, fontsize="small", loc="lower right")
    dice.set_ylabel("validation Dice")
    dice.set_ylim(-0.02, 1.02)
    fade.step(*_series(epochs, "fade"), where="post", color=GREEN, marker=marker, markersize=4)
    fade.set_ylabel("g: left of a\ndropped modality")
    fade.set_ylim(-0.05, 1.05)
    fade.set_xlabel("epoch")
    fade.xaxis.get_major_locator().set_params(integer=True)
    for axes in (loss, dice, fade):
        for rung in rungs:
            axes.axvline(rung, color=GREY, linestyle="--", linewidth=0.8)
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.25, linewidth=0.6)
    figure.align_ylabels()
    return figure


def postprocessing_figure(fit: PostprocessingFit) -> Figure:
    """Draw the objective on validation subjects against each searched value of the post-processing, all others held.

    A dashed line marks the default, a dot the best value found on all subjects. All panels share one scale, so that a
    value that matters less looks flatter.
    """
    from matplotlib.figure import Figure

    curves = fit.curves
    columns = min(max(len(curves), 1), 3)
    rows = max(math.ceil(len(curves) / columns), 1)
    figure = Figure(figsize=(max(3.1 * columns, 6.2), 2.6 * rows + 1.0), layout="constrained")
    panels = figure.subplots(rows, columns, sharey=True, squeeze=False)
    for axes, curve in zip(panels.flat, curves, strict=False):
        _draw_curve(axes, curve, *(_value_of(chains, curve) for chains in (fit.default, fit.fitted)))
        axes.set_xlabel(_named(curve))
    for axes in panels.flat[len(curves) :]:
        axes.set_axis_off()
    for axes in panels[:, 0]:
        axes.set_ylabel("objective")
    figure.suptitle(_worth(fit), fontsize="medium")
    if curves:
        handles, labels = panels[0, 0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=2, frameon=False, fontsize="small")
    return figure


def overlay_figure(
    image: NDArray[Any],
    modalities: Sequence[str],
    reference: NDArray[np.bool_],
    prediction: NDArray[np.bool_],
    title: str,
) -> Figure:
    """One slice in each modality with the outlines of reference and prediction; absent modalities are labelled.

    The slice is drawn in radiological convention: the patient's right (R) on the left, the front at the top.

    Args:
        image: [M, H, W], normalised; an all-zero channel is an absent modality. Rows run towards the front, columns
            towards the patient's right.
        modalities: M names.
        reference: [H, W].
        prediction: [H, W].
        title: names no patient.
    """
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    rows, columns = _box(image)
    width = 2.6 * len(modalities)
    height = 2.6 * (rows.stop - rows.start) / (columns.stop - columns.start)
    figure = Figure(figsize=(width, height + 0.9), layout="constrained", facecolor="white")
    panels = figure.subplots(1, len(modalities), squeeze=False)[0]
    for axes, channel, name in zip(panels, image, modalities, strict=True):
        _draw_panel(axes, channel[rows, columns], name)
        if channel.any():
            _outline(axes, reference[rows, columns], OUTLINES["reference"], 1.6)
            _outline(axes, prediction[rows, columns], OUTLINES["prediction"], 1.1)
    figure.suptitle(title, fontsize="medium")
    handles = [
        Line2D([], [], color=color, label=_label(name, mask))
        for (name, color), mask in zip(OUTLINES.items(), (reference, prediction), strict=True)
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=2, frameon=False, fontsize="small")
    return figure


def overlay_figures(overlays: Sequence[Overlay]) -> dict[str, Figure]:
    """The figure of each center's overlay, centers in alphabetical order."""
    return {
        one.center: overlay_figure(
            one.image.astype(np.float32),
            one.modalities,
            one.reference,
            one.prediction,
            f"{one.center}, given {one.given}",
        )
        for one in sorted(overlays, key=lambda one: one.center)
    }


def _value_of(chains: Chains, curve: Curve) -> Any:
    """The value of a curve's setting in the chain that the curve is about; None where the chain lacks the setting."""
    value: Any = (chains.missing if curve.cases == "missing" else None) or chains.full
    for part in curve.path.split(".")[1:]:
        value = getattr(value, part, None)
    return value


def _named(curve: Curve) -> str:
    """The step whose setting a curve is about, its unit, and the predictions that it is for."""
    step, unit = step_of(curve.path), UNITS.get(curve.path.rpartition(".")[2])
    return (f"{curve.cases}: " if curve.cases != "all" else "") + step + (f" ({unit})" if unit else "")


def _draw_curve(axes: Axes, curve: Curve, default: Any, best: Any) -> None:
    """Score against value, with marks at two of the values; values that are not numbers are evenly spaced."""
    values, scores = [point.value for point in curve.points], [point.score for point in curve.points]
    numbers = [float(value) for value in values if isinstance(value, int | float)]
    if len(numbers) == len(values):
        places, at = numbers, float(default) if isinstance(default, int | float) else math.nan
        axes.plot(places, scores, color=BLUE, marker="" if len(values) > 20 else "o", markersize=3.5)
    else:
        places = [float(index) for index in range(len(values))]
        at = float(values.index(default)) if default in values else math.nan
        labels = ["\n".join(value) if isinstance(value, tuple) else str(value) for value in values]
        axes.set_xticks(places, labels)
        axes.margins(x=0.25)
        axes.plot(places, scores, "o", color=BLUE, markersize=5)
    axes.axvline(at, color=GREY, linestyle="--", linewidth=1, label="default")
    chosen = [index for index, value in enumerate(values) if value == best]
    axes.plot(
        [places[index] for index in chosen],
        [scores[index] for index in chosen],
        "o",
        color=VERMILION,
        markersize=7,
        label="best found on all validation subjects",
    )
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25, linewidth=0.6)
    axes.tick_params(labelsize="small")


def _worth(fit: PostprocessingFit) -> str:
    """A title that says what the search is worth."""
    if not fit.trials:
        return f"Post-processing: nothing was searched; objective {fit.default_score:.3f}"
    noise = ", within noise" if fit.within_noise else ""
    kept = "; the default is kept" if fit.best == fit.default else ""
    return (
        f"Post-processing, {fit.subjects} validation subjects: default {fit.default_score:.3f}, "
        f"cross-fitted {fit.crossfit_score:.3f}\n"
        f"gain {fit.gain:+.3f} (95 % {shown_interval(fit.gain_interval, signed=True)}{noise}){kept}"
    )


def _series(epochs: Sequence[Mapping[str, Any]], key: str) -> tuple[list[int], list[float]]:
    """Epochs and values where a record has the key and a finite value."""
    there = [epoch for epoch in epochs if epoch.get(key) is not None and math.isfinite(epoch[key])]
    return [int(epoch["epoch"]) for epoch in there], [float(epoch[key]) for epoch in there]


def _box(image: NDArray[Any]) -> tuple[slice, slice]:
    """The rows and columns of the brain with a margin; all of them for an empty image."""
    inside: NDArray[np.bool_] = np.any(image != 0, axis=0)
    if not inside.any():
        return slice(0, inside.shape[0]), slice(0, inside.shape[1])
    bounds = []
    for axis, length in enumerate(inside.shape):
        filled = np.flatnonzero(np.any(inside, axis=1 - axis))
        margin = max(2, length // 20)
        bounds.append(slice(max(int(filled[0]) - margin, 0), min(int(filled[-1]) + margin + 1, length)))
    return bounds[0], bounds[1]


def _draw_panel(axes: Axes, channel: NDArray[Any], name: str) -> None:
    """A gray slice, black outside of the brain; seen from the feet, so that columns run leftwards."""
    axes.set_title(name, fontsize="small")
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_facecolor("black")
    values = channel[channel != 0]
    low, high = np.percentile(values, (1, 99.5)) if values.size else (0.0, 1.0)
    shown = np.where(channel == 0, low, channel)
    axes.imshow(
        shown, cmap="gray", origin="lower", vmin=low, vmax=max(high, low + 1e-6), interpolation="nearest"
    )
    axes.invert_xaxis()
    text: dict[str, Any] = {"transform": axes.transAxes, "color": "white", "fontsize": "small"}
    axes.text(0.03, 0.5, "R", ha="left", va="center", **text)
    if not values.size:
        axes.text(0.5, 0.5, "absent", ha="center", va="center", **text)


def _outline(axes: Axes, mask: NDArray[np.bool_], color: str, width: float) -> None:
    if mask.any():
        padded = np.pad(mask.astype(np.float32), 1)  # so that a region at the border has a closed outline
        rows, columns = (np.arange(length + 2) - 1 for length in mask.shape)
        axes.contour(columns, rows, padded, levels=[0.5], colors=[color], linewidths=width)
        axes.set_xlim(mask.shape[1] - 0.5, -0.5)
        axes.set_ylim(-0.5, mask.shape[0] - 0.5)


def _label(name: str, mask: NDArray[np.bool_]) -> str:
    return name if mask.any() else f"{name} (nothing in this slice)"
