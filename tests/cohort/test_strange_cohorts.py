"""Whatever a stranger's lists hold, readers list subjects or say what is wrong, in errors of ours."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from study.cohort import Cohort, load_cohort, split_cohort
from study.config import CohortConfig
from study.errors import FadeoutError
from study.records.subjects import SubjectsFile

NOWHERE = Path("/nowhere")  # of phantoms: there are none here
SCAN = nib.Nifti1Image(np.ones((2, 2, 2), np.uint8), np.eye(4)).to_bytes()
NAMES = ("a.nii", "b.nii", "c.nii", "d.nii")
examples = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

NASTY = st.sampled_from(
    ["", "n/a", "..", ".", "/", "~", "-", "9" * 6000, "x" * 5000, "\0", "a\nb", '"', "\ud800", "\u202e", "é",
     "e\u0301", "//", "a/../b", "CON", " ", "=1+1", "\x1b[2J", "NaN", "1e999", "null", "-1", "\ufeff", "²", "٣"]
)  # fmt: skip
COLUMNS = st.sampled_from(
    ["subject", "center", "patient", "occlusion", "control", "lesion", "brain mask", "DWI", "ADC", "T1",
     "participant_id", "patient_id", "train", "validation", "test", "splits", "channel_names", "modality", "labels",
     "file_ending", "0", "1"]
)  # fmt: skip
USUAL = st.sampled_from(["s1", "s2", "sub-1", "sub-2", "A", "B", *NAMES, "yes", "no", "proximal", ".nii.gz"])
CELLS = st.one_of(USUAL, USUAL, USUAL, NASTY, st.text(max_size=5))
LEAVES = st.one_of(
    CELLS, st.none(), st.booleans(), st.integers(), st.floats(), st.integers(10**4290, 10**4291)
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.one_of(COLUMNS, CELLS), inner, max_size=5)
    ),
    max_leaves=12,
)
DAMAGES = st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=2)


@st.composite
def tables(draw: st.DrawFn, needed: tuple[str, ...]) -> bytes:
    """A CSV file with the needed columns, a few more, rows that are mostly whole, and damaged bytes."""
    header = [*needed, *draw(st.lists(st.one_of(COLUMNS, COLUMNS, NASTY), max_size=3))]
    rows = draw(st.lists(st.lists(CELLS, min_size=len(header), max_size=len(header) + 1), max_size=4))
    delimiter = draw(st.sampled_from([",", ";", "\t"]))
    text = "\n".join(delimiter.join(row) for row in [header, *rows])
    encoding = draw(st.sampled_from(["utf-8", "utf-8", "utf-16", "utf-8-sig", "latin-1"]))
    errors = "surrogatepass" if encoding.startswith("utf") else "replace"
    return damaged(text.encode(encoding, errors), draw(DAMAGES))


@st.composite
def documents(draw: st.DrawFn, usual: Any) -> bytes:
    """A JSON file: usual content in which values are replaced, or anything, and damaged bytes."""
    content = draw(VALUES)
    if isinstance(usual, dict) and draw(st.booleans()):
        replaced = draw(st.dictionaries(st.sampled_from(sorted(usual)), VALUES, max_size=2))
        content = usual | replaced
    elif isinstance(usual, list) and draw(st.booleans()):
        content = [*usual, *(content if isinstance(content, list) else [content])]
    deep = draw(st.sampled_from([0, 0, 0, 0, 0, 20_000]))
    return b"[" * deep + damaged(as_json(content).encode("utf-8", "surrogatepass"), draw(DAMAGES))


def as_json(content: Any) -> str:
    """JSON whose numbers may have more digits than Python prints."""
    if isinstance(content, int) and content > 10**4000:
        return "9" * 6000
    if isinstance(content, list):
        return "[" + ",".join(map(as_json, content)) + "]"
    if isinstance(content, dict):
        return "{" + ",".join(f"{json.dumps(key)}:{as_json(value)}" for key, value in content.items()) + "}"
    return json.dumps(content)


def damaged(content: bytes, damages: list[tuple[int, int]]) -> bytes:
    changed = bytearray(content)
    for place, value in damages:
        if place < len(changed):
            changed[place] = value
    return bytes(changed)


def outcome(section: CohortConfig, folder: Path) -> str:
    """`refused`, or `read` if subjects are listed, split and written; any error that is not ours comes through."""
    try:
        cohort = load_cohort(section, NOWHERE)
        SubjectsFile(folder / "subjects.csv", "the list is lost").write(cohort)
        split_cohort(cohort, section)
    except FadeoutError:
        return "refused"
    return "read" if cohort.subjects else "empty"


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    """A folder with four scans."""
    for name in NAMES:
        (tmp_path / name).write_bytes(SCAN + name.encode())
    return tmp_path


@examples
@given(tables(("subject", "center", "DWI")))
def test_any_csv_is_listed_or_refused(
    scans: Path, configure: Callable[..., CohortConfig], content: bytes
) -> None:
    (scans / "m.csv").write_bytes(content)
    section = configure(sources=["manifest"], path=scans / "m.csv", on_error="skip")
    assert outcome(section, scans) in ("read", "refused")


@examples
@given(documents([{"subject": "s1", "center": "A", "DWI": "a.nii"}]))
def test_any_json_table_is_listed_or_refused(
    scans: Path, configure: Callable[..., CohortConfig], content: bytes
) -> None:
    (scans / "m.json").write_bytes(content)
    section = configure(sources=["manifest"], path=scans / "m.json", on_error="skip")
    assert outcome(section, scans) in ("read", "refused")


@examples
@given(tables(("participant_id", "center")))
def test_any_participants_table_is_listed_or_refused(
    scans: Path, configure: Callable[..., CohortConfig], content: bytes
) -> None:
    for name in ("sub-1", "sub-2"):
        (scans / name).mkdir(exist_ok=True)
        (scans / name / f"{name}_DWI.nii").write_bytes(SCAN + name.encode())
    (scans / "participants.tsv").write_bytes(content)
    section = configure(sources=["bids"], bids={"root": scans}, on_error="skip")
    assert outcome(section, scans) in ("read", "refused")


DESCRIPTION = {"channel_names": {"0": "DWI", "1": "ADC"}, "labels": {"background": 0, "lesion": 1},
               "file_ending": ".nii"}  # fmt: skip


@examples
@given(documents(DESCRIPTION))
def test_any_description_of_nnunet_is_read_or_refused(
    scans: Path, configure: Callable[..., CohortConfig], content: bytes
) -> None:
    for folder, name in (("imagesTr", "case_0000.nii"), ("labelsTr", "case.nii")):
        (scans / folder).mkdir(exist_ok=True)
        (scans / folder / name).write_bytes(SCAN)
    (scans / "dataset.json").write_bytes(content)
    section = configure(sources=["nnunet"], nnunet={"root": scans}, on_error="skip")
    assert outcome(section, scans) in ("read", "refused")


ODD_NAMES = st.lists(
    st.binary(min_size=1, max_size=12).filter(
        lambda name: not {0, ord("/")} & set(name) and name.strip(b".")
    ),
    max_size=3,
)


@examples
@given(ODD_NAMES, st.booleans())
def test_any_file_names_are_listed_or_refused(
    tmp_path_factory: pytest.TempPathFactory,
    configure: Callable[..., CohortConfig],
    names: list[bytes],
    whole: bool,
) -> None:
    root = tmp_path_factory.mktemp("isles")
    folders = [root / os.fsdecode(b"sub-" + name) for name in names]
    for folder in [root / "sub-1", *folders] if whole else folders:
        (folder / "dwi").mkdir(parents=True, exist_ok=True)
        (folder / "dwi" / f"{folder.name}_dwi.nii").write_bytes(SCAN)
    section = configure(sources=["isles2022"], isles2022={"root": root}, on_error="skip")
    assert outcome(section, root) in ("read", "refused")


@examples
@given(documents({"train": ["s0"], "validation": ["s1"], "test": ["s2"]}))
def test_any_fixed_splits_are_read_or_refused(
    tmp_path: Path, configure: Callable[..., CohortConfig], gather: Callable[..., Cohort], content: bytes
) -> None:
    path = tmp_path / "splits.json"
    path.write_bytes(content)
    cohort = gather([("A", f"s{number}", f"p{number}") for number in range(3)])
    section = configure(splits={"kind": "fixed", "path": str(path)})
    try:
        splits = split_cohort(cohort, section)
        lists = (splits.train, splits.validation)
    except FadeoutError as error:
        lists = (error.args, error.args)
    assert all(lists)


def test_the_usual_lists_are_read(scans: Path, configure: Callable[..., CohortConfig]) -> None:
    """So that the tests above do not pass because everything is refused."""
    rows = "".join(f"s{number},A,{name},{name}\n" for number, name in enumerate(NAMES))
    (scans / "m.csv").write_text("subject,center,DWI,lesion\n" + rows)
    section = configure(sources=["manifest"], path=scans / "m.csv", on_error="skip")
    assert outcome(section, scans) == "read"
