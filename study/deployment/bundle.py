"""The bundle: a trained network with everything that a prediction needs, in a folder or a zip, without pickle.

::

    model.safetensors   the weights; of an ensemble, those of the others are in model-2.safetensors, …
    bundle.json         settings, versions, checksums (see manifest.py)
    MODEL_CARD.md       for readers: intended use, results, limits
"""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol

from study.deployment.manifest import Manifest, from_text, to_text
from study.errors import BundleError, StudyError
from study.machine.archives import open_archive
from study.machine.files import atomic, atomic_folder
from study.machine.tensors import Kinds, TensorKind, differences, read_header
from study.machine.untrusted import UnreadableError, open_regular, read_limited

if TYPE_CHECKING:
    from torch import nn

WEIGHTS, MANIFEST, CARD = "model.safetensors", "bundle.json", "MODEL_CARD.md"
EPOCH = (1980, 1, 1, 0, 0, 0)  # fixed date of files in a zip, so that equal bundles have equal bytes
LARGEST_MANIFEST, LARGEST_CARD = 1024**2, 4 * 1024**2  # bytes; ours have a few thousand
MOST_PACKED = 20  # trained weights hardly pack at all


@dataclass(frozen=True)
class Contents:
    """The contents of a bundle, verified when read from disk.

    Attributes:
        manifest: what is in it.
        weights: of the first network.
        card: for readers.
        where: it is from, for errors.
        more: weights of the other networks of an ensemble.
    """

    manifest: Manifest
    weights: bytes
    card: str
    where: str
    more: tuple[bytes, ...] = ()


def weights_file(place: int) -> str:
    """The name of the file with the weights of a bundle's first (0), second (1) or later network."""
    return WEIGHTS if place == 0 else f"model-{place + 1}.safetensors"


def write_bundle(
    out: Path, manifest: Manifest, weights: bytes, card: str, more: Sequence[bytes] = ()
) -> None:
    """Write a bundle atomically, as a zip if `out` ends with .zip; fills in `manifest.files`.

    Raises:
        StudyError: `out` exists already.
    """
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise StudyError(f"out: {out} exists; remove it, or choose another name")
    others = {weights_file(place): each for place, each in enumerate((weights, *more))}
    others[CARD] = card.encode()
    checksums = {name: hashlib.sha256(content).hexdigest() for name, content in others.items()}
    text = to_text(manifest.model_copy(update={"files": checksums}))
    files = {MANIFEST: text.encode(), **others}
    if out.suffix == ".zip":
        with atomic(out) as temporary, zipfile.ZipFile(temporary, "w") as archive:
            for name, content in files.items():
                archive.writestr(zipfile.ZipInfo(name, EPOCH), content)
        return
    with atomic_folder(out) as temporary:
        for name, content in files.items():
            (temporary / name).write_bytes(content)


def read_bundle(path: Path) -> Contents:
    """Read and verify a bundle; never runs code from it.

    The manifest comes first, and what follows is read only as far as it says: weights that are not those of the
    network that it describes are refused before they are in memory.

    Raises:
        BundleError: the bundle is missing, damaged, incomplete or of another format version.
    """
    where = str(path)
    try:
        with _opened(path) as files:
            manifest = from_text(files.read(MANIFEST, LARGEST_MANIFEST), where)
            card = files.read(CARD, LARGEST_CARD)
            weights = [
                files.read(weights_file(place), _weight_bytes(files, manifest, place, where))
                for place in range(len(manifest.networks))
            ]
    except UnreadableError as error:
        raise BundleError(f"{where}: {error}; copy or export the bundle again") from None
    except OSError as error:
        raise BundleError(
            f"{where}: cannot be read ({error.strerror or error}); copy the bundle again"
        ) from None
    for name, content in ((CARD, card), *((weights_file(at), each) for at, each in enumerate(weights))):
        if hashlib.sha256(content).hexdigest() != manifest.files.get(name):
            raise BundleError(f"{where}: {name} was changed after export; copy or export the bundle again")
    try:
        return Contents(manifest, weights[0], card.decode(), where, tuple(weights[1:]))
    except UnicodeDecodeError:
        raise BundleError(f"{where}: {CARD} is not text; copy or export the bundle again") from None


def build_network(contents: Contents, place: int = 0) -> nn.Module:
    """The bundle's network, or the one at a place of an ensemble, on the CPU, in evaluation mode.

    Raises:
        BundleError: plan and weights do not fit.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    from models import build_model, read_plan

    weights, one = (contents.weights, *contents.more)[place], contents.manifest.networks[place]
    try:
        header = _header(BytesIO(weights), len(weights), weights_file(place))
        _check_weights(header, contents.manifest, place, contents.where)
        network = build_model(one.model, read_plan(one.model, one.network), one.head, one.filler)
        network.load_state_dict(load(weights))
    except (SafetensorError, ValueError, RuntimeError) as error:
        raise _unbuildable(contents.where, str(error).splitlines()[0]) from None
    network.eval()
    return network


def _weight_bytes(files: _Files, manifest: Manifest, place: int, where: str) -> int:
    """The size of the weights at a place; raises BundleError unless they are those of the manifest's network."""
    name = weights_file(place)
    size, packed = files.size(name), files.packed(name)
    if size > packed * MOST_PACKED:
        raise BundleError(
            f"{where}: {name} is packed to a {MOST_PACKED}th or less, which trained weights never are; "
            "copy or export the bundle again"
        )
    with files.opened(name, size) as file:
        _check_weights(_header(file, size, name), manifest, place, where)
    return size


def _header(content: BinaryIO, size: int, name: str) -> Kinds:
    try:
        return read_header(content, size)
    except UnreadableError as error:
        raise UnreadableError(f"{name}: {error}") from None


def _check_weights(given: Kinds, manifest: Manifest, place: int, where: str) -> None:
    """Raise BundleError unless the weights are those of the manifest's network at a place."""
    from models import outline, read_plan

    one = manifest.networks[place]
    try:
        plan = read_plan(one.model, one.network)
        state = outline(one.model, plan, one.head, one.filler)
    except ValueError as error:
        raise _unbuildable(where, str(error)) from None
    inputs = (*manifest.modalities, *manifest.preparation.channels)
    if plan.n_inputs != len(inputs):
        raise _unbuildable(where, f"it takes {plan.n_inputs} inputs, the bundle has {len(inputs)}")
    wanted = {name: TensorKind.of(tensor) for name, tensor in state.items()}
    if problems := differences(wanted, given):
        raise _unbuildable(where, f"{weights_file(place)}: {problems[0]}")


def _unbuildable(where: str, reason: str) -> BundleError:
    return BundleError(f"{where}: its network cannot be built ({reason}); export the bundle again")


class _Files(Protocol):
    """The files of a bundle, in a folder or in a zip; each method raises UnreadableError if a file is missing."""

    def size(self, name: str) -> int: ...

    def packed(self, name: str) -> int: ...

    def opened(self, name: str, most: int) -> AbstractContextManager[BinaryIO]: ...

    def read(self, name: str, most: int) -> bytes: ...


class _Folder:
    """The files of a bundle in a folder."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def size(self, name: str) -> int:
        with self.opened(name) as file:
            return os.fstat(file.fileno()).st_size

    packed = size

    def opened(self, name: str, most: int = 0) -> BinaryIO:
        try:
            return open_regular(self._path / name)
        except FileNotFoundError:
            raise UnreadableError(f"there is no {name} in it") from None
        except UnreadableError as error:
            raise UnreadableError(f"{name}: {error}") from None

    def read(self, name: str, most: int) -> bytes:
        with self.opened(name) as file:
            return read_limited(file, most)


@contextmanager
def _opened(path: Path) -> Iterator[_Files]:
    if path.is_dir():
        yield _Folder(path)
    elif path.exists():
        with open_regular(path, follow=True) as file, open_archive(file) as archive:
            yield archive
    else:
        raise BundleError(f"{path}: no such bundle; give the folder or zip that study.export wrote")
