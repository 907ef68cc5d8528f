"""The bundle: a trained network with all that a prediction needs, in a folder or a zip, without pickle.

::

    model.safetensors   the weights
    bundle.json         settings, versions, checksums (see manifest.py)
    MODEL_CARD.md       for readers: intended use, results, limits
"""

from __future__ import annotations

import hashlib
import os
import shutil
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from study.deployment.manifest import Manifest, from_text, to_text
from study.errors import BundleError, StudyError
from study.results import atomic

if TYPE_CHECKING:
    from torch import nn

WEIGHTS, MANIFEST, CARD = "model.safetensors", "bundle.json", "MODEL_CARD.md"
EPOCH = (1980, 1, 1, 0, 0, 0)  # the date of files in a zip, so that the same bundle has the same bytes


@dataclass(frozen=True)
class Contents:
    """A bundle's files, verified."""

    manifest: Manifest
    weights: bytes
    card: str
    where: str


def write_bundle(out: Path, manifest: Manifest, weights: bytes, card: str) -> None:
    """Write a bundle in one move, as a zip if `out` ends with .zip; `manifest.files` is filled in.

    Raises StudyError if there is something at `out` already.
    """
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise StudyError(f"out: {out} exists; remove it, or choose another name")
    others = {WEIGHTS: weights, CARD: card.encode()}
    checksums = {name: hashlib.sha256(content).hexdigest() for name, content in others.items()}
    text = to_text(manifest.model_copy(update={"files": checksums}))
    files = {MANIFEST: text.encode(), **others}
    if out.suffix == ".zip":
        with atomic(out) as temporary, zipfile.ZipFile(temporary, "w") as archive:
            for name, content in files.items():
                archive.writestr(zipfile.ZipInfo(name, EPOCH), content)
        return
    with _atomic_folder(out) as temporary:
        for name, content in files.items():
            (temporary / name).write_bytes(content)


def read_bundle(path: Path) -> Contents:
    """Read and verify a bundle; no code in it is ever run.

    Raises BundleError if it is missing, damaged, incomplete or of another format version.
    """
    files = _read_zip(path) if path.is_file() else _read_folder(path)
    where = str(path)
    manifest = from_text(_member(files, MANIFEST, where), where)
    for name in (WEIGHTS, CARD):
        content = _member(files, name, where)
        if hashlib.sha256(content).hexdigest() != manifest.files.get(name):
            raise BundleError(f"{where}: {name} was changed after export; copy or export the bundle again")
    return Contents(manifest, files[WEIGHTS], files[CARD].decode(), where)


def build_network(contents: Contents) -> nn.Module:
    """The bundle's network, on the CPU, in evaluation mode; BundleError if plan and weights do not fit."""
    from safetensors import SafetensorError
    from safetensors.torch import load

    from models import build_model, read_plan

    manifest = contents.manifest
    try:
        network = build_model(manifest.model, read_plan(manifest.model, manifest.network), manifest.head)
        network.load_state_dict(load(contents.weights))
    except (SafetensorError, ValueError, TypeError, KeyError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise BundleError(
            f"{contents.where}: the network cannot be built from it ({reason}); export it again"
        ) from None
    network.eval()
    return network


def _member(files: Mapping[str, bytes], name: str, where: str) -> bytes:
    if name not in files:
        raise BundleError(f"{where}: there is no {name} in it; copy or export the bundle again")
    return files[name]


def _read_folder(path: Path) -> dict[str, bytes]:
    if not path.is_dir():
        raise BundleError(f"{path}: there is no such bundle; give the folder or zip that study.export wrote")
    names = (WEIGHTS, MANIFEST, CARD)
    return {name: (path / name).read_bytes() for name in names if (path / name).is_file()}


def _read_zip(path: Path) -> dict[str, bytes]:
    try:
        with zipfile.ZipFile(path) as archive:
            there = set(archive.namelist())
            return {name: archive.read(name) for name in (WEIGHTS, MANIFEST, CARD) if name in there}
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError):
        raise BundleError(f"{path}: it is no zip, or damaged; copy or export the bundle again") from None


@contextmanager
def _atomic_folder(out: Path) -> Iterator[Path]:
    temporary = out.with_name(f".{out.name}.{os.getpid()}.tmp")
    temporary.mkdir(parents=True)
    try:
        yield temporary
        temporary.replace(out)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
