"""imaging.normalisation=units: ADC as it is measured, any other image divided by its mean in the brain."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from study.imaging.prepare import prepare_subject
from study.imaging.values import NO_VALUE, native_values
from study.workflow.protocol import imaging_protocol


def test_images_keep_their_zero_and_adc_its_unit(
    make_subject: Callable, make_config: Callable, brain_image: np.ndarray
) -> None:
    config = make_config({"imaging.normalisation": "units"})
    prepared = prepare_subject(
        make_subject(ADC=brain_image * 1000), imaging_protocol(config), (5.0, 2.0, 2.0)
    )
    box = brain_image[3:11, 3:9, 2:6].T
    np.testing.assert_allclose(prepared.image[1], box, rtol=1e-5)
    np.testing.assert_allclose(prepared.image[0], box / box.mean(), rtol=1e-5)
    values = native_values(prepared, "ADC", 1)
    np.testing.assert_allclose(values[values != NO_VALUE], 1000 * brain_image.T[brain_image.T > 0], atol=1)
