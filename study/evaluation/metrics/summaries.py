"""Metrics that only several subjects have, and those of synthesised modalities; the entries are as in the catalogue."""

from __future__ import annotations

from collections.abc import Mapping

from study.evaluation.metrics.facts import ANY, CORRELATION, Empty, MetricFacts

__all__ = ["SUMMARIES", "SYNTHESES"]

SCORE = (
    r"\frac{\mathrm{Dice} + \mathrm{PPV}}{8} + \frac{1 - \mathrm{LFPR} + \mathrm{LTPR} + \mathrm{Corr}}{4}"
)
LEFT_OUT = Empty("none", "none", "counted")

SUMMARIES: Mapping[str, MetricFacts] = {
    "volume_correlation": MetricFacts(
        "correlation of volumes",
        r"\mathrm{corr}(V_R, V_P)",
        "Pearson's correlation over subjects, with Fisher's interval. No value for fewer than 3 subjects, or where all "
        "volumes of one side are equal.",
        "ISBI 2015 (Carass 2017)",
        Empty("counted", "counted", "counted"),
        CORRELATION,
    ),
    "isbi_score": MetricFacts(
        "ISBI score",
        SCORE,
        "Of means over the subjects whose reference is not empty; Corr is their correlation of volumes.",
        "ISBI 2015 (Carass 2017); ModDrop++, section 2.5",
        LEFT_OUT,
        (-0.25, 1.0),
    ),
    "isbi_score_voxels": MetricFacts(
        "ISBI score with voxel correlation",
        SCORE,
        "The same, where Corr is their mean voxel correlation.",
        "the code of ModDrop++",
        LEFT_OUT,
        (-0.25, 1.0),
    ),
}
"""What only several subjects have, by the column of tables."""

SYNTHESES: Mapping[str, MetricFacts] = {
    "psnr_db": MetricFacts(
        "PSNR",
        r"10 \log_{10} \frac{(\max x - \min x)^2}{\mathrm{mean}\, (x - \hat x)^2}",
        "Inside the brain, where the true modality x is not 0. No value without a brain, or where x is uniform; an "
        "exact synthesis is left out of means.",
        "Lau 2019, table 2, which leaves the peak open",
        None,
        ANY,
        "dB",
        1,
    ),
    "ssim": MetricFacts(
        "SSIM",
        r"\mathrm{mean}\, \frac{(2 \mu_x \mu_{\hat x} + c_1)(2 \sigma_{x \hat x} + c_2)}"
        r"{(\mu_x^2 + \mu_{\hat x}^2 + c_1)(\sigma_x^2 + \sigma_{\hat x}^2 + c_2)}",
        "Mean over the brain of each slice's map: Gaussian window of 11, σ 1.5, c of 0.01² and 0.03² of the squared "
        "range. What lies outside of the brain counts as 0. No value where PSNR has none.",
        "Wang 2004",
        None,
        CORRELATION,
    ),
}
"""Of a synthesised modality, by the column of tables."""
