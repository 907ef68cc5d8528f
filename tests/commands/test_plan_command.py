"""What study.plan says of batches, worked out by hand."""

from __future__ import annotations

import pytest

from study.plan import fitting_batches


@pytest.mark.parametrize(
    ("one_gb", "memory_gb", "patches", "words"),
    [
        (2.0, 8.0, 1000.0, "batches of up to 4 fit; nnU-Net's rules would take 4"),
        (0.1, 0.3, 1000.0, "batches of up to 3 fit"),  # 0.3 / 0.1 is a little less than 3
        (
            0.1,
            8.0,
            100.0,
            "batches of up to 80 fit; nnU-Net's rules would take 5",
        ),  # 5 % of what there is to see
        (0.1, 8.0, 10.0, "nnU-Net's rules would take 2"),
        (6.0, 8.0, 1000.0, "batches of up to 1 fit; nnU-Net's rules would take 1"),
        (9.0, 8.0, 1000.0, "not even a batch of 1 fits; raise model.memory_gb"),
    ],
)
def test_the_batches_that_fit_are_told(one_gb: float, memory_gb: float, patches: float, words: str) -> None:
    assert words in fitting_batches(one_gb, memory_gb, patches)
