"""How well a mask agrees with the reference; one file a group of metrics.

Read in this order::

    facts.py         what is known of a metric besides its value: title, unit, formula, source, empty masks
    catalogue.py     these of every metric of a subject; summaries.py: of several subjects, and of syntheses
    overlap.py       voxels: Dice, PPV, TPR, correlation, detection
    lesions.py       components: F1, LTPR, LFPR, panoptic quality; false and missed ones
    volume.py        how large the masks are
    distance.py      surfaces: HD95, average and normalised surface distance
    calibration.py   probabilities
    scores.py        all of one prediction

Where a mask is empty, a metric is what its entry in the catalogue says, and tables repeat it below them. By
`evaluation.empty_dice`, Dice is 1 (ISLES 2022) or nan (nnU-Net) where both are empty.

A lesion is a component, whatever the target. Voxels that touch by a face, an edge or a corner are one (26 neighbours);
for LTPR and LFPR, those that touch by a corner alone are not (18, ISBI 2015).

Metrics of installed packages (`evaluation.metrics`, entry points `fadeout.metrics`) are columns of their own.
"""

from __future__ import annotations

from study.evaluation.metrics.catalogue import METRICS
from study.evaluation.metrics.facts import Empty, IfEmpty, MetricFacts
from study.evaluation.metrics.overlap import EMPTY_DICE, EmptyDice, dice
from study.evaluation.metrics.scores import Scores, extra_scores, score
from study.evaluation.metrics.summaries import SUMMARIES, SYNTHESES

__all__ = [
    "EMPTY_DICE",
    "METRICS",
    "SUMMARIES",
    "SYNTHESES",
    "Empty",
    "EmptyDice",
    "IfEmpty",
    "MetricFacts",
    "Scores",
    "dice",
    "extra_scores",
    "score",
]
