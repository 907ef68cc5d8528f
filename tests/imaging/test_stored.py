"""Entries of the cache that are damaged or not ours: a study's configuration may name a folder of a stranger."""

from __future__ import annotations

import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from study.errors import CacheError
from study.imaging.prepare import prepare_subject
from study.imaging.prepared import Prepared
from study.imaging.stored import open_prepared, write_prepared
from study.workflow.protocol import imaging_protocol


@pytest.fixture
def prepared(make_subject: Callable, make_config: Callable) -> Prepared:
    return prepare_subject(make_subject(), imaging_protocol(make_config()), (5.0, 2.0, 2.0))


@pytest.fixture
def entry(prepared: Prepared, tmp_path: Path) -> Path:
    folder = tmp_path / "cache" / "3f" / "3f9a"
    write_prepared(prepared, folder)
    return folder


def link(entry: Path) -> None:
    """Another file of the same kind and shape, but elsewhere."""
    elsewhere = entry.parents[2] / "elsewhere.npy"
    (entry / "image.npy").rename(elsewhere)
    (entry / "image.npy").symlink_to(elsewhere)


def link_of_the_grid(entry: Path) -> None:
    elsewhere = entry.parents[2] / "elsewhere.json"
    (entry / "grid.json").rename(elsewhere)
    (entry / "grid.json").symlink_to(elsewhere)


def pipe(entry: Path) -> None:
    (entry / "target.npy").unlink()
    os.mkfifo(entry / "target.npy")


def missing(entry: Path) -> None:
    (entry / "image.npy").unlink()


def cut_off(entry: Path) -> None:
    content = (entry / "image.npy").read_bytes()
    (entry / "image.npy").write_bytes(content[: len(content) // 2])


def empty(entry: Path) -> None:
    (entry / "image.npy").write_bytes(b"")


class Exploit:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("exploited",)


def pickled(entry: Path) -> None:
    (entry / "image.npy").write_bytes(pickle.dumps(Exploit()))


def objects(entry: Path) -> None:
    np.save(entry / "image.npy", np.array([Exploit()], object), allow_pickle=True)


def archive(entry: Path) -> None:
    np.savez(entry / "image.npz", np.zeros(3))
    (entry / "image.npz").rename(entry / "image.npy")


def other_type(entry: Path) -> None:
    np.save(entry / "image.npy", np.load(entry / "image.npy").astype(np.float64))


def other_shape(entry: Path) -> None:
    np.save(entry / "target.npy", np.load(entry / "target.npy")[1:])


def fewer_modalities(entry: Path) -> None:
    np.save(entry / "image.npy", np.load(entry / "image.npy")[:1])


def grid(entry: Path, **changes: Any) -> None:
    path = entry / "grid.json"
    content = json.loads(path.read_text())
    content["grid"] = {**content["grid"], **changes}
    path.write_text(json.dumps(content))


def measurements(entry: Path, content: Any) -> None:
    path = entry / "grid.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "intensities": content}))


DAMAGES: dict[str, Callable[[Path], object]] = {
    "link": link,
    "link of the grid": link_of_the_grid,
    "pipe": pipe,
    "missing": missing,
    "cut off": cut_off,
    "empty": empty,
    "pickle": pickled,
    "objects": objects,
    "archive": archive,
    "other type": other_type,
    "other shape": other_shape,
    "fewer modalities": fewer_modalities,
    "no JSON": lambda entry: (entry / "grid.json").write_text("{"),
    "a list": lambda entry: (entry / "grid.json").write_text("[]"),
    "no grid": lambda entry: (entry / "grid.json").write_text("{}"),
    "nested": lambda entry: (entry / "grid.json").write_text("[" * 100_000),
    "affine of words": lambda entry: grid(entry, affine=[["a"] * 4] * 4),
    "affine of 2 x 2": lambda entry: grid(entry, affine=[[1.0, 0.0], [0.0, 1.0]]),
    "infinite affine": lambda entry: grid(entry, affine=[[float("inf")] * 4] * 4),
    "negative shape": lambda entry: grid(entry, shape=[-1, 4, 4]),
    "shape of words": lambda entry: grid(entry, shape="abc"),
    "shape without end": lambda entry: grid(entry, shape=[2**62, 4, 4]),
    "measurements of words": lambda entry: measurements(entry, "abc"),
    "measurements of one image without numbers": lambda entry: measurements(entry, {"images": {"DWI": {}}}),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_entry_is_named_and_nothing_is_taken_for_it(
    entry: Path, prepared: Prepared, damage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    open_prepared(entry, prepared.facts)
    DAMAGES[damage](entry)
    with pytest.raises(CacheError) as caught:
        open_prepared(entry, prepared.facts)
    [problem] = caught.value.problems
    assert problem.file == entry
    assert problem.what.startswith("its entry in the cache is damaged (")
    assert problem.remedy == "remove this folder, and fill the cache with resume=true"
    assert not (tmp_path / "exploited").exists()
