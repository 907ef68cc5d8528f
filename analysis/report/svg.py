"""Figures as SVG, and what all of them look like."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's colours, which are distinct with every kind of colour vision; markers and lines tell the same in grey.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#E69F00", "#56B4E9", "#CC79A7", "#666666")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
LINES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 1)))
SCORES = "cividis_r"  # a scale of colours that also darkens evenly in grey


def to_svg(figure: Figure, name: str) -> str:
    """The figure as an `<svg>` element whose inner names are its own; text stays text.

    Args:
        figure: to draw.
        name: of the figure, unique in the page.
    """
    import matplotlib as mpl

    content = io.StringIO()
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):
        figure.savefig(
            content, format="svg", metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")), dpi=110
        )
    text = content.getvalue()
    return text[text.index("<svg") :]


def tidy(axes: Axes) -> None:
    """No frame on two sides, and a faint grid."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25, linewidth=0.6)
    axes.set_axisbelow(True)
