"""The exponential ADC, exp(-b · ADC): what diffusion alone leaves of the signal, without the contrast of T2."""

from __future__ import annotations

import numpy as np

from study.imaging.channels.channel import Channel, Image, Sources, Way
from study.imaging.impute import PER_ADC

__all__ = ["EXPONENTIAL_ADC"]


def from_signals(sources: Sources) -> Image:
    """DWI / B0, at most 1; 0 where B0 has no signal."""
    dwi, b0 = sources.images["DWI"], sources.images["B0"]
    ratio = np.divide(dwi, b0, out=np.zeros_like(dwi), where=b0 > 0)
    return np.clip(ratio, 0, 1)


def from_adc(sources: Sources) -> Image:
    """exp(-b · ADC), of ADC in 10⁻³ mm²/s; at most 1."""
    adc = np.maximum(sources.images["ADC"], 0)
    return np.exp(-sources.b_s_mm2 * PER_ADC * adc).astype(np.float32)


EXPONENTIAL_ADC = Channel(Way(("DWI", "B0"), from_signals), Way(("ADC",), from_adc))
