"""The reference of metrics, from the catalogue that tables and their captions read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from docs.settings import escaped
from study.evaluation.metrics import METRICS, SUMMARIES, SYNTHESES, IfEmpty, MetricFacts

_INTRODUCTION = """\
# Metrics

Every metric of a study: the column of [rows](../concepts/study-folder.md#rows) and tables that has it, its formula, and
what it is where a mask is empty. Each table repeats the latter below it for the metrics that it shows.

In formulas, $R$ and $P$ are the voxels of reference and prediction, $n_R$ and $n_P$ their components, $V_R$ and $V_P$
their volumes, $\\partial R$ and $\\partial P$ their surface voxels (with a face neighbour outside of the mask, or
outside of the scan), $d$ the distance in mm to the nearest voxel of the other surface, and $N$ the voxels of the scan.
Masks are compared on the reference's own grid, predictions after post-processing.

*None*: the metric is undefined and the subject is left out of means; a cell with fewer subjects than its line says
how many it has (`[n 3]`). *As counted* means that the formula holds as it stands; sizes and volumes of nothing are 0.
[Methods](../methods.md#metrics-and-what-means) says what was chosen where the sources are silent."""
_OF_MASKS = "| metric | formula | what it is | both empty | reference empty | prediction empty | source |"
_OTHERS = "| metric | formula | what it is | source |"
_IN_WORDS: Mapping[IfEmpty, str] = {
    "0": "0",
    "1": "1",
    "none": "none",
    "counted": "as counted",
    "setting": "`evaluation.empty_dice`: 1 or none",
}


def metrics_page() -> str:
    """The text of the page."""
    lines = [
        _INTRODUCTION,
        "",
        "## Of a subject",
        "",
        *_table(_OF_MASKS, METRICS),
        "",
        "Metrics of installed packages (`evaluation.metrics`) have a column each; "
        "[Add a part of your own](../how-to/plug-in.md) says how.",
        "",
        "## Of several subjects",
        "",
        "In the table of all metrics, for each of its columns of subjects.",
        "",
        *_table(_OF_MASKS, SUMMARIES),
        "",
        "## Of a synthesised modality",
        "",
        "Networks that synthesise what they are not given (urn) are judged by it on test subjects.",
        "",
        *_table(_OTHERS, SYNTHESES),
        "",
    ]
    return "\n".join(lines)


def _table(header: str, metrics: Mapping[str, MetricFacts]) -> Iterator[str]:
    yield from (header, "|---" * (header.count("|") - 1) + "|")
    for name, facts in metrics.items():
        yield f"| {' | '.join(_cells(name, facts))} |"


def _cells(name: str, facts: MetricFacts) -> Iterator[str]:
    yield f"`{name}`: {escaped(facts.heading)}"
    yield f"${facts.formula}$"
    yield escaped(facts.about)
    if facts.empty is not None:
        yield from (_IN_WORDS[value] for value in facts.empty)
    yield escaped(facts.source)
