"""The cache of prepared subjects: what it holds, when it is used, and what is left after a failure."""

from __future__ import annotations

import json
import os
import resource
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from study.cohort.records import Cohort, Subject, SubjectFacts
from study.config import Config
from study.errors import CohortError
from study.imaging.cache import prepare_cohort
from study.imaging.prepare import prepare_subject
from study.imaging.stored import open_prepared
from study.workflow.protocol import imaging_protocol

NATIVE_MM = (5.0, 2.0, 2.0)


def entries(config: Config) -> set[str]:
    """The names of all finished entries."""
    return {path.parent.name for path in config.cache_root.glob("*/*/grid.json")}


def leftovers(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.name.endswith(".tmp")]


def prepare(config: Config, *subjects: Subject, **others: object):  # type: ignore[no-untyped-def]
    keys, protocol = [subject.key for subject in subjects], imaging_protocol(config)
    skip = config.cohort.on_error == "skip"
    settings = {"spacing_mm": NATIVE_MM, "skip_faulty": skip, **others}
    return prepare_cohort(Cohort(subjects), keys, protocol, config.cache_root, **settings)


def test_what_is_opened_is_what_was_prepared(make_subject: Callable, make_config: Callable) -> None:
    subject, config = make_subject(), make_config()
    direct = prepare_subject(subject, imaging_protocol(config), NATIVE_MM)
    opened = prepare(config, subject)["CENTER-one"]
    assert isinstance(opened.image, np.memmap)
    assert not opened.image.flags.writeable
    for name in ("image", "target", "foreground", "native_target"):
        one, other = getattr(opened, name), getattr(direct, name)
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)
    for name in ("grid", "native"):
        assert getattr(opened, name).shape == getattr(direct, name).shape
        np.testing.assert_array_equal(getattr(opened, name).affine, getattr(direct, name).affine)
    assert (opened.key, opened.present) == (direct.key, direct.present)


def test_a_subject_without_target_stays_without(make_subject: Callable, make_config: Callable) -> None:
    opened = prepare(make_config(), make_subject(lesion=None))["CENTER-one"]
    assert opened.target is None
    assert opened.native_target is None
    assert opened.foreground.shape == (0, 3)


def test_several_subjects_are_prepared_in_processes(make_subject: Callable, make_config: Callable) -> None:
    subjects = [make_subject(name) for name in ("a", "b", "c", "d")]
    prepared = prepare(make_config(), *subjects)
    assert list(prepared) == ["CENTER-a", "CENTER-b", "CENTER-c", "CENTER-d"]
    assert len({folder.name for folder in prepared.entries.values()}) == 4
    assert not leftovers(make_config().cache_root)


def test_a_hit_computes_nothing(
    make_subject: Callable, make_config: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, subjects = make_config(), (make_subject("a"), make_subject("b"))
    first = prepare(config, *subjects)
    times = {path: path.stat().st_mtime_ns for path in config.cache_root.rglob("*")}
    monkeypatch.setattr("study.imaging.cache.prepare_subject", None)
    monkeypatch.setattr("study.imaging.cache.hash_of", None)
    assert prepare(config, *subjects).entries == first.entries
    assert times == {path: path.stat().st_mtime_ns for path in config.cache_root.rglob("*")}


def test_a_copied_data_set_is_known_by_its_bytes(
    make_subject: Callable, make_config: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, subject = make_config(), make_subject()
    first = prepare(config, subject)
    for path in subject.images.values():
        os.utime(path, ns=(1, 1))
    monkeypatch.setattr("study.imaging.cache.prepare_subject", None)
    assert prepare(config, subject).entries == first.entries


@pytest.mark.parametrize("role", ["DWI", "ADC", "lesion", "brain"])
def test_another_byte_in_any_file_is_another_entry(
    make_subject: Callable, make_config: Callable, brain_image: np.ndarray, role: str
) -> None:
    config = make_config()
    brain = np.ones(brain_image.shape, np.uint8)
    prepare(config, make_subject(brain=brain))
    changed = (
        brain_image.copy() * (brain_image > 0.7)
        if role in ("DWI", "ADC")
        else (brain_image > 0).astype(np.uint8)
    )
    prepare(config, make_subject(**({"brain": brain} | {role: changed})))
    assert len(entries(config)) == 2


@pytest.mark.parametrize(
    "values",
    [
        {"cohort.modalities": ["ADC", "DWI"]},
        {"cohort.target": "thrombus"},
        {"imaging.reference": "ADC"},
        {"imaging.crop_margin_mm": 3.0},
    ],
)
def test_another_setting_is_another_entry(
    make_subject: Callable, make_config: Callable, values: dict[str, object]
) -> None:
    prepare(make_config(), make_subject())
    prepare(make_config(values), make_subject())
    assert len(entries(make_config())) == 2


def test_spacing_and_landmarks_are_settings(make_subject: Callable, make_config: Callable) -> None:
    subject = make_subject()
    prepare(make_config(), subject)
    prepare(make_config(), subject, spacing_mm=(4.0, 2.0, 2.0))
    nyul = make_config({"imaging.normalisation": "nyul"})
    for last in (13, 26):
        steps = {name: np.linspace(0, last, 13).tolist() for name in ("DWI", "ADC")}
        prepare(nyul, subject, landmarks=steps)
    assert len(entries(make_config())) == 4


def test_a_setting_that_changes_no_voxel_shares_the_entry(
    make_subject: Callable, make_config: Callable
) -> None:
    prepare(make_config(), make_subject())
    prepare(make_config({"trainer.epochs": 7, "trainer.validate_every": 1}), make_subject())
    assert len(entries(make_config())) == 1


def test_all_problems_of_all_subjects_are_told_and_nothing_is_half_written(
    make_subject: Callable, make_config: Callable, brain_image: np.ndarray
) -> None:
    config = make_config()
    subjects = [
        make_subject("good"),
        make_subject("nan", DWI=brain_image * np.nan),
        make_subject("unit", ADC=brain_image * 50, lesion=brain_image),
        make_subject("late"),
    ]
    with pytest.raises(CohortError) as caught:
        prepare(config, *subjects)
    assert sorted(problem.subject for problem in caught.value.problems) == ["nan", "unit", "unit"]
    assert not leftovers(config.cache_root)


def test_faulty_subjects_are_skipped_and_counted_on_request(
    make_subject: Callable, make_config: Callable, brain_image: np.ndarray
) -> None:
    config = make_config({"cohort.on_error": "skip"})
    broken = make_subject("b", DWI=brain_image * np.nan)
    prepared = prepare(config, make_subject("a"), broken)
    assert list(prepared) == ["CENTER-a"]
    assert prepared.skipped == ("CENTER-b",)
    assert [problem.subject for problem in prepared.problems] == ["b"]
    with pytest.raises(CohortError, match="NaN"):
        prepare(config, broken)


def test_a_file_that_vanished_is_named_though_the_rest_is_cached(
    make_subject: Callable, make_config: Callable
) -> None:
    config, subject = make_config(), make_subject()
    prepare(config, make_subject(ADC=None))
    subject = make_subject()
    subject.images["ADC"].unlink()
    with pytest.raises(CohortError, match="no such file"):
        prepare(config, subject)


def test_another_process_opens_an_entry_by_its_folder(make_subject: Callable, make_config: Callable) -> None:
    folder = json.loads(
        json.dumps({"cache": str(prepare(make_config(), make_subject()).entries["CENTER-one"])})
    )
    assert open_prepared(Path(folder["cache"]), SubjectFacts("X-1")).key == "X-1"


@pytest.fixture
def full_disk() -> Iterator[None]:
    """No file may grow beyond 4 kB."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    signal.signal(signal.SIGXFSZ, handler)


def test_a_full_disk_is_told_with_the_file_and_leaves_nothing(
    make_config: Callable, write_nifti: Callable, full_disk: None
) -> None:
    stripes = np.zeros((40, 40, 20), np.uint8)  # compresses well, its arrays do not fit
    stripes[4:36, 4:36, 4:16] = np.arange(32)[:, None, None] % 3 + 1
    subject = Subject("s", "s", "C", "C-1", {"DWI": write_nifti("DWI.nii.gz", stripes)}, {})
    config = make_config()
    with pytest.raises(OSError, match=r"image\.npy") as caught:
        prepare(config, subject)
    assert caught.value.strerror
    assert not leftovers(config.cache_root)
    assert not entries(config)


def test_a_cache_that_cannot_be_made_is_told(
    make_subject: Callable, make_config: Callable, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        prepare(make_config({"imaging.cache": str(tmp_path / "file" / "cache")}), make_subject())
