from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from scipy import ndimage

from study.evaluation.components import bounding_box, label_components


def test_the_box_holds_all_true_voxels_and_no_more():
    mask = np.zeros((6, 7, 8), bool)
    mask[2, 5, 1] = mask[4, 3, 1] = True
    assert bounding_box(mask) == (slice(2, 5), slice(3, 6), slice(1, 2))


def test_nothing_has_no_box():
    assert bounding_box(np.zeros((2, 3, 4), bool)) is None


@pytest.mark.parametrize("shape", list(product([1, 3, 4], [1, 2, 5], [1, 3, 9])))
def test_isolated_voxels_and_random_ones_are_counted_as_scipy_counts_them(shape):
    every_other = (np.indices(shape) % 2 == 0).all(0)
    for mask in (every_other, np.random.default_rng(0).random(shape) < 0.3):
        labels, count = label_components(mask)
        assert count == ndimage.label(mask, np.ones((3, 3, 3)))[1]
        assert sorted(set(labels[mask].tolist())) == list(range(1, count + 1))


def test_a_column_cut_from_a_larger_mask_is_one_component():
    mask = np.zeros((6, 8, 8), bool)
    mask[1:4, 4, 4] = True
    labels, count = label_components(mask[1:4, 4:5, 4:5])
    assert count == 1
    assert labels.ravel().tolist() == [1, 1, 1]


def test_a_crop_of_a_larger_mask_is_labelled():
    mask = np.ones((4, 6, 6), bool)
    mask[:, 3] = False
    assert label_components(mask[1:3, 1:5, ::2])[1] == 2
