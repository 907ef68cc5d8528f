"""How well a mask agrees with the reference: overlap, lesions, volume, distance; one file each.

Where a mask is empty:

==========================  ==================  =================  ====================
metric                      both empty          reference empty    prediction empty
==========================  ==================  =================  ====================
dice                        nan or 1 (setting)  0                  0
detected                    nan                 nan                0
lesion_f1                   1                   0                  0
false_positives             0                   predicted lesions  0
false_negatives             0                   0                  reference lesions
count_difference            0                   predicted lesions  reference lesions
volume_difference_ml        0                   predicted volume   reference volume
hd95_mm                     nan                 nan                nan
==========================  ==================  =================  ====================

A lesion is a 26-connected component, whatever the target. A false positive is a component of the prediction without a
voxel in the reference, a false negative one of the reference without a voxel in the prediction; their sizes are means
over those of the subject, 0 where there are none (Vargas-Ibarra, thrombus, whose means over patients include the
zeros).

Metrics of installed packages (`evaluation.metrics`, entry points `fadeout.metrics`) are columns of their own.
"""

from __future__ import annotations

from study.evaluation.metrics.distance import hd95
from study.evaluation.metrics.overlap import EMPTY_DICE, EmptyDice, dice
from study.evaluation.metrics.scores import Scores, extra_scores, score

__all__ = ["EMPTY_DICE", "EmptyDice", "Scores", "dice", "extra_scores", "hd95", "score"]
