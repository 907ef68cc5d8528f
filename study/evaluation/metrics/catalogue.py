"""Every metric of a subject: its title, unit, bounds, formula, source, and what it is where a mask is empty.

Tables, their captions, MLflow and the page of metrics in the documentation read it. A metric of ours is a function, a
field of `Scores`, and an entry here; `summaries.py` has those that only several subjects have.

In formulas, R and P are the voxels of reference and prediction, n their components, V their volumes, ∂ their surface
voxels, d the distance to a surface, and N the voxels of the grid.
"""

from __future__ import annotations

from collections.abc import Mapping

from study.evaluation.metrics.facts import AMOUNT, CORRELATION, Empty, MetricFacts

__all__ = ["METRICS"]

ISBI = "ISBI 2015 (Carass 2017), by the code of ModDrop++"
THROMBUS = "Vargas-Ibarra, thrombus, section 4.3"
KIRILLOV = "Kirillov 2019, equation 1"
LIKE_DICE = Empty("1", "0", "0")
COUNTED = Empty("counted", "counted", "counted")
DISTANCE = Empty("none", "none", "none")
FOUND = Empty("none", "none", "0")

METRICS: Mapping[str, MetricFacts] = {
    "dice": MetricFacts(
        "Dice",
        r"\frac{2 \lvert R \cap P \rvert}{\lvert R \rvert + \lvert P \rvert}",
        "Of voxels.",
        "both empty: 1 in ISLES 2022, left out by nnU-Net",
        Empty("setting", "0", "0"),
    ),
    "detected": MetricFacts(
        "detection rate",
        r"1 \text{ if } \lvert R \cap P \rvert > 0 \text{, else } 0",
        "Of one subject; the mean over subjects is the rate.",
        THROMBUS,
        FOUND,
        decimals=2,
    ),
    "ppv": MetricFacts(
        "PPV",
        r"\frac{\lvert R \cap P \rvert}{\lvert P \rvert}",
        "Positive predictive value of voxels, or precision.",
        ISBI,
        Empty("none", "0", "0"),
    ),
    "tpr": MetricFacts(
        "TPR",
        r"\frac{\lvert R \cap P \rvert}{\lvert R \rvert}",
        "True positive rate of voxels, or sensitivity.",
        ISBI,
        FOUND,
    ),
    "voxel_correlation": MetricFacts(
        "voxel correlation",
        r"\frac{N \lvert R \cap P \rvert - \lvert R \rvert \lvert P \rvert}"
        r"{\sqrt{\lvert R \rvert (N - \lvert R \rvert)\, \lvert P \rvert (N - \lvert P \rvert)}}",
        "Pearson's correlation of both masks, of one subject, over all voxels of the scan.",
        "the code of ModDrop++, in the place of the correlation of volumes",
        LIKE_DICE._replace(both="none"),
        CORRELATION,
    ),
    "lesion_f1": MetricFacts(
        "lesion-wise F1",
        r"\frac{2 n_{found}}{2 n_{found} + n_{missed} + n_{false}}",
        "A component (26 neighbours) of the reference is found if it shares a voxel with the prediction; one of the "
        "prediction is false if it shares none with the reference.",
        "ISLES 2022",
        LIKE_DICE,
    ),
    "lfpr": MetricFacts(
        "LFPR",
        r"\frac{n_{false}}{n_P}",
        "Lesion-wise false positive rate: as above, with components of 18 neighbours.",
        ISBI,
        Empty("0", "1", "0"),
    ),
    "ltpr": MetricFacts(
        "LTPR",
        r"\frac{n_{found}}{n_R}",
        "Lesion-wise true positive rate: as above, with components of 18 neighbours.",
        ISBI,
        FOUND,
    ),
    "panoptic_quality": MetricFacts(
        "panoptic quality",
        r"\frac{\sum_{\mathrm{IoU} > 1/2} \mathrm{IoU}}{(n_R + n_P) / 2}",
        "Over pairs of components (26 neighbours) whose intersection is more than half of their union (IoU).",
        KIRILLOV,
        LIKE_DICE,
    ),
    "segmentation_quality": MetricFacts(
        "segmentation quality",
        r"\frac{1}{n_{matched}} \sum_{\mathrm{IoU} > 1/2} \mathrm{IoU}",
        "First factor of the panoptic quality. No value where no pair matches.",
        KIRILLOV,
        DISTANCE,
    ),
    "recognition_quality": MetricFacts(
        "recognition quality",
        r"\frac{2 n_{matched}}{n_R + n_P}",
        "Second factor of the panoptic quality.",
        KIRILLOV,
        LIKE_DICE,
    ),
    "count_difference": MetricFacts(
        "difference of counts",
        r"\lvert n_R - n_P \rvert",
        "Of components of 26 neighbours.",
        "ISLES 2022",
        COUNTED,
        AMOUNT,
        decimals=2,
    ),
    "volume_difference_ml": MetricFacts(
        "difference of volumes",
        r"\lvert V_R - V_P \rvert",
        "Absolute.",
        "ISLES 2022",
        COUNTED,
        AMOUNT,
        "mL",
        2,
    ),
    "relative_volume_difference": MetricFacts(
        "relative difference of volumes",
        r"\frac{\lvert V_R - V_P \rvert}{V_R}",
        "Absolute, over the volume of the reference.",
        ISBI,
        Empty("none", "none", "1"),
        AMOUNT,
    ),
    "hd95_mm": MetricFacts(
        "HD95",
        r"\max\big(P_{95}\{d(r, \partial P)\},\ P_{95}\{d(p, \partial R)\}\big)",
        "95th percentile of the distances from each surface voxel to the other surface, the larger of both directions.",
        "as MONAI computes it",
        DISTANCE,
        AMOUNT,
        "mm",
        2,
    ),
    "assd_mm": MetricFacts(
        "average surface distance",
        r"\frac{\sum_r d(r, \partial P) + \sum_p d(p, \partial R)}"
        r"{\lvert \partial R \rvert + \lvert \partial P \rvert}",
        "Symmetric: the mean over the surface voxels of both masks together.",
        "as MONAI computes it",
        DISTANCE,
        AMOUNT,
        "mm",
        2,
    ),
    "nsd": MetricFacts(
        "normalised surface distance",
        r"\frac{\lvert \{r: d(r, \partial P) \le \tau\} \rvert + \lvert \{p: d(p, \partial R) \le \tau\} \rvert}"
        r"{\lvert \partial R \rvert + \lvert \partial P \rvert}",
        "Share of the surface voxels within the tolerance τ (`evaluation.tolerance_mm`) of the other surface.",
        "Nikolov 2021, with surface voxels in the place of areas",
        LIKE_DICE._replace(both="none"),
    ),
    "reference_volume_ml": MetricFacts(
        "reference volume", r"V_R", "Voxels times their size.", "–", COUNTED, AMOUNT, "mL"
    ),
    "predicted_volume_ml": MetricFacts(
        "predicted volume", r"V_P", "Voxels times their size.", "–", COUNTED, AMOUNT, "mL"
    ),
    "false_positives": MetricFacts(
        "false positives",
        r"n_{false}",
        "Predicted components (26 neighbours) without a voxel in the reference.",
        THROMBUS,
        COUNTED,
        AMOUNT,
        decimals=2,
    ),
    "false_positive_voxels": MetricFacts(
        "false positive size",
        r"\frac{1}{n_{false}} \sum_{false} \lvert P_i \rvert",
        "Mean of a subject; 0 where it has none.",
        THROMBUS,
        COUNTED,
        AMOUNT,
        "voxels",
        1,
    ),
    "false_positive_ml": MetricFacts(
        "false positive size",
        r"\frac{1}{n_{false}} \sum_{false} V_i",
        "Mean of a subject; 0 where it has none.",
        THROMBUS,
        COUNTED,
        AMOUNT,
        "mL",
    ),
    "false_negatives": MetricFacts(
        "false negatives",
        r"n_{missed}",
        "Components of the reference (26 neighbours) without a voxel in the prediction.",
        THROMBUS,
        COUNTED,
        AMOUNT,
        decimals=2,
    ),
    "false_negative_voxels": MetricFacts(
        "false negative size",
        r"\frac{1}{n_{missed}} \sum_{missed} \lvert R_i \rvert",
        "Mean of a subject; 0 where it has none.",
        THROMBUS,
        COUNTED,
        AMOUNT,
        "voxels",
        1,
    ),
    "false_negative_ml": MetricFacts(
        "false negative size",
        r"\frac{1}{n_{missed}} \sum_{missed} V_i",
        "Mean of a subject; 0 where it has none.",
        THROMBUS,
        COUNTED,
        AMOUNT,
        "mL",
    ),
    "calibration_error": MetricFacts(
        "calibration error",
        r"\frac{1}{N_{brain}} \sum_{b=1}^{15} \Big\lvert \sum_{v \in b} (p_v - y_v) \Big\rvert",
        "Expected calibration error of the probabilities p before post-processing, in 15 bins of equal width; y is 1 "
        "in the reference. All voxels count, those outside of the brain, too; divided by the voxels of the brain.",
        "Guo 2017, equation 3",
        COUNTED,
        AMOUNT,
        decimals=5,
    ),
}
"""By the column of rows, in the order of tables."""
