"""The imaging protocol of a configuration."""

from __future__ import annotations

from study.config import Config
from study.imaging.protocol import ImagingProtocol


def imaging_protocol(config: Config) -> ImagingProtocol:
    """What is read of each subject, and how it is prepared."""
    cohort = config.cohort
    return ImagingProtocol(
        cohort.modalities,
        cohort.target,
        config.lesion_source,
        config.imaging,
        config.imputation.b_value_s_mm2,
        config.imputes,
    )
