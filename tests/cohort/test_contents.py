"""Files with the same content."""

from __future__ import annotations

import gzip
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from study.cohort import load_cohort
from study.cohort.contents import identical
from study.errors import CohortError

NOWHERE = Path("/nowhere")  # of phantoms: there are none here


@pytest.fixture
def write(tmp_path):
    """Writes a file, compressed by its name."""

    def to_disk(name, content, level=9, time=0):
        compressed = gzip.compress(content, level, mtime=time) if name.endswith(".gz") else content
        (tmp_path / name).write_bytes(compressed)
        return tmp_path / name

    return to_disk


VOXELS = np.random.default_rng(0).integers(0, 200, 40_000, np.uint8).tobytes()
OTHER = VOXELS[:-1] + bytes([VOXELS[-1] ^ 1])


def test_equal_files_are_found_whatever_their_name_compression_and_time(write):
    same = [
        write("a.nii.gz", VOXELS),
        write("b.nii.gz", VOXELS, level=1, time=1_700_000_000),
        write("c.nii", VOXELS),
    ]
    assert identical([*reversed(same), write("d.nii.gz", OTHER), write("e.nii", OTHER[:-1])]) == [same]


def test_files_that_are_not_compressed_are_compared_as_a_whole(write):
    paths = [write(f"{name}.nii", VOXELS) for name in "ab"]
    assert identical([*paths, write("c.nii", OTHER)]) == [paths]


def test_equal_checksums_are_not_enough(write, tmp_path):
    """The trailer says the same of both; the content does not."""
    first, second = write("a.nii.gz", VOXELS), write("b.nii.gz", OTHER)
    second.write_bytes(second.read_bytes()[:-8] + first.read_bytes()[-8:])
    assert identical([first, second]) == []


def test_files_in_parts_that_end_with_an_empty_one_are_told_apart(write):
    """As bgzip writes them: their trailers are all 0."""
    paths = [write(f"{name}.nii.gz", VOXELS) for name in "ab"] + [write("c.nii.gz", OTHER)]
    for path in paths:
        path.write_bytes(path.read_bytes() + gzip.compress(b"", mtime=0))
    assert identical(paths) == [paths[:2]]


def test_empty_damaged_and_unreadable_files_are_like_no_others(write, tmp_path):
    damaged = [write(f"{name}.nii.gz", VOXELS) for name in "ab"]
    for path in damaged:
        path.write_bytes(path.read_bytes()[:2000] + path.read_bytes()[-8:])
    (tmp_path / "link.nii").symlink_to("nowhere")
    assert identical([*damaged, tmp_path / "link.nii", tmp_path]) == []


def scan(path, value):
    image = np.full((4, 4, 4), value, np.int16)
    nib.save(nib.Nifti1Image(image, np.eye(4)), path)


def test_one_scan_as_that_of_two_subjects_is_told_with_subject_and_center(tmp_path, configure):
    for value, name in enumerate(("a.nii.gz", "b.nii.gz", "c.nii")):
        scan(tmp_path / name, value % 2)
    (tmp_path / "m.csv").write_text("subject,center,DWI\ns1,Lyon,a.nii.gz\ns2,Lyon,b.nii.gz\ns3,Nice,c.nii\n")
    config = configure(sources=["manifest"], path=tmp_path / "m.csv")
    with pytest.raises(CohortError) as error:
        load_cohort(config, NOWHERE)
    assert [(problem.subject, problem.what) for problem in error.value.problems] == [
        ("s1", "the DWI has the same content as DWI of s3 at Nice"),
        ("s3", "the DWI has the same content as DWI of s1 at Lyon"),
    ]


def test_a_modality_that_is_a_copy_of_another_is_told(tmp_path, configure):
    for name in ("d.nii.gz", "a.nii.gz"):
        scan(tmp_path / name, 1)
    (tmp_path / "m.csv").write_text("subject,center,DWI,ADC\ns1,Lyon,d.nii.gz,a.nii.gz\n")
    with pytest.raises(CohortError, match="the DWI has the same content as ADC of s1; correct one of them"):
        load_cohort(configure(sources=["manifest"], path=tmp_path / "m.csv"), NOWHERE)


def test_masks_may_be_equal(tmp_path, configure):
    for value, name in enumerate(("a.nii.gz", "b.nii.gz", "la.nii.gz", "lb.nii.gz")):
        scan(tmp_path / name, min(value, 2))
    (tmp_path / "m.csv").write_text(
        "subject,center,DWI,lesion\ns1,A,a.nii.gz,la.nii.gz\ns2,A,b.nii.gz,lb.nii.gz\n"
    )
    assert len(load_cohort(configure(sources=["manifest"], path=tmp_path / "m.csv"), NOWHERE).subjects) == 2
