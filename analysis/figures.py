"""Pictures of a trial: its training curves, its post-processing, and what it saw and drew, a slice of each center."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's colours, told apart with every kind of colour vision.
BLUE, SKY, ORANGE, GREEN, VERMILION, GREY = "#0072B2", "#56B4E9", "#E69F00", "#009E73", "#D55E00", "#666666"
DICE = {
    "val_dice_full": ("all modalities", BLUE, "o"),
    "val_dice_missing": ("a modality removed", VERMILION, "s"),
    "val_dice_worst_center": ("worst center", GREY, "^"),
}
UNITS = {"ml": "mL", "mm": "mm", "voxels": "voxels", "threshold": "probability", "ratio": "of the largest"}
OUTLINES = {"reference": ORANGE, "prediction": SKY}


def training_curves(epochs: Sequence[Mapping[str, Any]]) -> Figure:
    """Loss, validation Dice and what is left of a dropped modality, over epochs.

    Args:
        epochs: the records of `epochs.jsonl`; what a record lacks is left out.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 6.5), layout="constrained")
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
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.25, linewidth=0.6)
    figure.align_ylabels()
    return figure


def postprocessing_figure(found: Mapping[str, Any]) -> Figure:
    """The objective on validation subjects against each searched value of the post-processing, all others held.

    A dashed line is at the default, a dot at the best found on all subjects; all panels have one scale, so that a value
    that matters less looks flatter.

    Args:
        found: the content of `postprocessing.json`; its curves are drawn.
    """
    from matplotlib.figure import Figure

    curves: Mapping[str, Any] = found["curves"]
    columns = min(max(len(curves), 1), 3)
    rows = max(math.ceil(len(curves) / columns), 1)
    figure = Figure(figsize=(max(3.1 * columns, 6.2), 2.6 * rows + 1.0), layout="constrained")
    panels = figure.subplots(rows, columns, sharey=True, squeeze=False)
    for axes, (path, curve) in zip(panels.flat, curves.items(), strict=False):
        chain, _, name = path.rpartition("postprocessing.")
        marks = [_at(found[kind], chain.rstrip("."), name) for kind in ("default", "fitted")]
        _draw_curve(axes, curve, *marks)
        step, unit = name.partition(".")[0], UNITS.get(name.rpartition(".")[2])
        axes.set_xlabel(chain.replace(".", ": ") + step + (f" ({unit})" if unit else ""))
    for axes in panels.flat[len(curves) :]:
        axes.set_axis_off()
    for axes in panels[:, 0]:
        axes.set_ylabel("objective")
    figure.suptitle(_worth(found), fontsize="medium")
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
    """One slice in each modality with the outlines of reference and prediction; absent modalities are named.

    Drawn as radiologists look at it: the patient's right (R) on the left, the front on top.

    Args:
        image: [M, H, W], normalised; an all-zero channel is an absent modality. Rows run to the front,
            columns to the patient's right.
        modalities: M names.
        reference: [H, W].
        prediction: [H, W].
        title: what is shown; no patient.
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


def read_overlays(path: Path) -> dict[str, Figure]:
    """The overlay of each center in a trial's `overlays.npz`."""
    with np.load(path, allow_pickle=False) as content:
        modalities = [str(name) for name in content["modalities"]]
        centers = sorted(name.removesuffix("/image") for name in content.files if name.endswith("/image"))
        return {
            center: overlay_figure(
                content[f"{center}/image"].astype(np.float32),
                modalities,
                content[f"{center}/reference"],
                content[f"{center}/prediction"],
                f"{center}, given {content[f'{center}/subset']}",
            )
            for center in centers
        }


def _at(chains: Mapping[str, Any], chain: str, name: str) -> Any:
    """The value of a setting by dotted name, of the chain `full` ("" as well) or `missing`."""
    value: Any = (chains["missing"] if chain == "missing" else None) or chains["full"]
    for part in name.split("."):
        value = value[part]
    return value


def _draw_curve(axes: Axes, curve: Sequence[Sequence[Any]], default: Any, best: Any) -> None:
    """Score against value, with marks at two of the values; values that are no numbers stand side by side."""
    values, scores = [value for value, _ in curve], [score for _, score in curve]
    if all(isinstance(value, int | float) for value in (*values, default)):
        places, at = [float(value) for value in values], float(default)
        axes.plot(places, scores, color=BLUE, marker="" if len(values) > 20 else "o", markersize=3.5)
    else:
        places = [float(index) for index in range(len(values))]
        at = float(values.index(default)) if default in values else math.nan
        labels = ["\n".join(value) if isinstance(value, list) else str(value) for value in values]
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


def _worth(found: Mapping[str, Any]) -> str:
    """What the search is worth, in a title."""
    if not found["trials"]:
        return f"Post-processing: nothing was searched; objective {found['default_score']:.3f}"
    noise = ", within noise" if found["within_noise"] else ""
    kept = "; the default is kept" if found["best"] == found["default"] else ""
    return (
        f"Post-processing, {found['subjects']} validation subjects: default {found['default_score']:.3f}, "
        f"cross-fitted {found['crossfit_score']:.3f}\n"
        f"gain {found['gain']:+.3f} (95 % {found['gain_low']:+.3f} to {found['gain_high']:+.3f}{noise}){kept}"
    )


def _series(epochs: Sequence[Mapping[str, Any]], key: str) -> tuple[list[int], list[float]]:
    """Epochs and values where a record has the key and a finite value."""
    there = [epoch for epoch in epochs if epoch.get(key) is not None and math.isfinite(epoch[key])]
    return [int(epoch["epoch"]) for epoch in there], [float(epoch[key]) for epoch in there]


def _box(image: NDArray[Any]) -> tuple[slice, slice]:
    """Rows and columns with anything in them, and a margin; all of them where there is nothing."""
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
    """A gray slice, black outside of the brain; seen from the feet, so columns run leftwards."""
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
