"""The best, the median and the worst test subject of each center, with true and false positives in colour."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from analysis.report.content import Drawing, Section
from analysis.report.strips import FALSE, HIT, MISSED, Shown, as_seen, classes, volumes
from analysis.report.view import StudyView
from analysis.report.words import given
from study.errors import CacheError
from study.imaging.entries import entry_folder
from study.imaging.stored import open_prepared
from study.records import PreparedStudy
from study.records.examples import Example

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

RANKS = ("best", "median", "worst", "only")
LEGEND = "green: found; vermilion: predicted and not there; yellow: missed"


def subjects(view: StudyView) -> Section | None:
    """Pictures of the winner's examples; none where it has none."""
    examples = view.winner.folder.examples.read() if view.winner else []
    if not examples or view.prepared is None:
        return None
    shown = [_shown(view.prepared, view.config.cache_root, one) for one in examples]
    gone = sum(one.image is None for one in shown)
    prose = [
        f"The best, the median and the worst test subject of each center, by Dice {given('')}. Colours: {LEGEND}. The "
        "patient's right is on the left. Scroll with the wheel or the slider, and choose what the network was given."
    ]
    if gone:
        prose.append("Scans that are no longer in the cache (imaging.cache) are shown without their image.")
    caption = f"The slice with the largest area of the reference, {given('')}; {LEGEND}."
    return Section(
        "pictures",
        "Best, median and worst subjects",
        tuple(prose),
        drawings=(Drawing("examples", caption, lambda: _draw(shown)),),
        volumes=volumes(shown),
    )


def _shown(prepared: PreparedStudy, cache: Path, example: Example) -> Shown:
    """The example with the image of the first modality that the subject has, if the cache still has it."""
    found = next((one for one in prepared.used if one.facts.key == example.subject), None)
    image = None
    if found is not None and found.address is not None:
        try:
            subject = open_prepared(entry_folder(cache, found.address), found.facts)
        except CacheError:
            return Shown(example, None, prepared.spacing_mm)
        image = np.asarray(subject.image[subject.present.index(True)])
    fits = image is not None and image.shape == example.reference.shape
    return Shown(example, image if fits else None, prepared.spacing_mm)


def _draw(shown: Sequence[Shown]) -> Figure:
    from matplotlib.figure import Figure

    centers = list(dict.fromkeys(one.example.center for one in shown))
    ranks = [rank for rank in RANKS if any(one.example.rank == rank for one in shown)]
    figure = Figure(figsize=(2.6 * len(ranks) + 0.6, 2.9 * len(centers)), layout="constrained")
    panels = figure.subplots(len(centers), len(ranks), squeeze=False)
    for axes in panels.flat:
        axes.set_xticks([])
        axes.set_yticks([])
        axes.spines[:].set_visible(False)
    for one in shown:
        place = centers.index(one.example.center), ranks.index(one.example.rank)
        _panel(panels[place], one)
    for axes, center in zip(panels[:, 0], centers, strict=True):
        axes.set_ylabel(center)
    return figure


def _panel(axes: Axes, one: Shown) -> None:
    first = one.example.predictions[0]
    box = one.box
    at = one.middle
    gray = as_seen(one.gray[at, *box[1:]])
    marks = as_seen(classes(one.example.reference[at, *box[1:]], first.mask[at, *box[1:]]))
    axes.imshow(_colored(gray, marks), interpolation="nearest", aspect=one.spacing_mm[1] / one.spacing_mm[2])
    axes.set_title(f"{one.example.rank}: Dice {first.dice:.3f}", fontsize="small")


def _colored(gray: NDArray[np.uint8], marks: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The gray slice with its marks: [H, W, 3]."""
    picture = np.repeat(gray[..., None], 3, axis=-1).astype(np.float32)
    colors = np.array([(0, 0, 0), HIT, FALSE, MISSED], np.float32)[marks]
    blended = np.where(marks[..., None] > 0, 0.35 * picture + 0.65 * colors, picture)
    return blended.astype(np.uint8)
