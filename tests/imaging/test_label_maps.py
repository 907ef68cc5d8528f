"""References that are label maps: all labels of their data set count, and others are a mistake."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from study.cohort.brats import BRATS2018, BRATS2023
from study.cohort.records import Cohort, Labels, Subject
from study.config import Imaging
from study.errors import CohortError
from study.imaging.cache import prepare_cohort
from study.imaging.check import check_cohort
from study.imaging.prepare import prepare_subject
from study.imaging.protocol import ImagingProtocol
from study.imaging.read import read_mask

PROTOCOL = ImagingProtocol(("T1",), "lesion", "none", Imaging())


@pytest.fixture
def labelled(write_nifti: Callable[..., Path]) -> Callable[..., Subject]:
    """A subject of a brain with a cube for each of the values in its label map."""

    def write(values: tuple[int, ...], labels: Labels | None) -> Subject:
        rng = np.random.default_rng(0)
        image = np.zeros((20, 20, 20), np.float32)
        image[2:18, 2:18, 2:18] = 100 + 20 * rng.standard_normal((16, 16, 16))
        found = np.zeros(image.shape, np.uint8)
        for place, value in enumerate(values):
            found[4:6, 4:6, 4 + 3 * place : 6 + 3 * place] = value
        files = {"T1": write_nifti("t1.nii.gz", image, np.eye(4))}
        masks = {"lesion": write_nifti("seg.nii.gz", found, np.eye(4))}
        return Subject("case", "case", "A", "A-0001", files, masks, labels=labels)

    return write


def test_all_labels_together_are_the_target(labelled: Callable[..., Subject]) -> None:
    subject = labelled((1, 2, 4), BRATS2018.labels)
    mask = read_mask(subject.masks["lesion"], "case", labels=subject.labels)
    assert mask.data.dtype == np.uint8
    assert set(np.unique(mask.data)) == {0, 1}
    assert mask.data.sum() == 3 * 8
    prepared = prepare_subject(subject, PROTOCOL, None)
    assert prepared.target is not None
    assert prepared.target.sum() == 3 * 8


def test_a_label_of_another_version_is_explained(labelled: Callable[..., Subject]) -> None:
    subject = labelled((1, 2, 4), BRATS2023.labels)
    known = r"its labels are 1 \(necrotic core\), 2 \(oedema\), 3 \(enhancing tumour\)"
    with pytest.raises(CohortError, match=rf"the mask holds 4, and {known}; .*1, 2, 4 until 2021"):
        read_mask(subject.masks["lesion"], "case", labels=subject.labels)
    (report,) = check_cohort(Cohort((subject,)), PROTOCOL).subjects
    assert ["the mask holds 4" in problem.what for problem in report.problems] == [True]


def test_probabilities_are_no_labels(write_nifti: Callable[..., Path]) -> None:
    path = write_nifti("soft.nii.gz", np.linspace(0, 1, 1000, dtype=np.float32).reshape(10, 10, 10))
    with pytest.raises(CohortError, match="the mask holds"):
        read_mask(path, "case", labels=BRATS2018.labels)


def test_a_label_map_is_no_binary_mask(labelled: Callable[..., Subject]) -> None:
    subject = labelled((1, 2), None)
    with pytest.raises(CohortError, match="the mask is not binary"):
        read_mask(subject.masks["lesion"], "case")


def test_what_is_prepared_is_kept_apart_by_the_labels_that_were_expected(
    labelled: Callable[..., Subject], tmp_path: Path
) -> None:
    subject = labelled((1, 2), BRATS2018.labels)
    cache = tmp_path / "cache"
    kept = prepare_cohort(Cohort((subject,)), ["A-0001"], PROTOCOL, cache, (1, 1, 1), {})
    other = Cohort((labelled((1, 2), BRATS2023.labels),))
    assert kept.entries != prepare_cohort(other, ["A-0001"], PROTOCOL, cache, (1, 1, 1), {}).entries
    with pytest.raises(CohortError, match="not binary"):
        prepare_cohort(Cohort((labelled((1, 2), None),)), ["A-0001"], PROTOCOL, cache, (1, 1, 1), {})
