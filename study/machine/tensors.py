"""Headers of safetensors files: which tensors a file holds, before any is read into memory.

Format: 8 bytes with the header's length, little-endian; the header, JSON; then all tensors without gaps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

from study.machine.untrusted import UnreadableError, parse_json

LENGTH_BYTES = 8
LARGEST_HEADER = 4 * 1024**2  # bytes; our largest network's takes 50 kB
TYPES = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    "I64": "int64",
    "I32": "int32",
    "I16": "int16",
    "I8": "int8",
    "U8": "uint8",
    "BOOL": "bool",
}
"""Names of types in safetensors and in torch."""


@dataclass(frozen=True)
class TensorKind:
    """Shape and type of a tensor.

    Attributes:
        shape: sizes along its axes.
        type: torch's name of its type, such as float32.
    """

    shape: tuple[int, ...]
    type: str

    @classmethod
    def of(cls, tensor: Any) -> TensorKind:
        """The kind of a tensor of torch, which this module does not import."""
        return cls(tuple(tensor.shape), str(tensor.dtype).removeprefix("torch."))


Kinds = Mapping[str, TensorKind]


def read_header(file: BinaryIO, size: int) -> dict[str, TensorKind]:
    """The tensors that a safetensors file declares; the file is read up to the first tensor.

    Args:
        file: at its beginning.
        size: of the whole file, in bytes.

    Raises:
        UnreadableError: it is no safetensors file, or its size is not what its header declares.
    """
    length = int.from_bytes(file.read(LENGTH_BYTES), "little")
    if not 2 <= length <= min(LARGEST_HEADER, size - LENGTH_BYTES):
        raise UnreadableError("not a safetensors file, or cut off")
    header = parse_json(file.read(length))
    if not isinstance(header, dict):
        raise UnreadableError("not a safetensors file")
    header.pop("__metadata__", None)
    found, ends = {}, [0]
    for name, declared in header.items():
        found[name], end = _kind(name, declared)
        ends.append(end)
    if LENGTH_BYTES + length + max(ends) != size:
        raise UnreadableError(f"it declares {LENGTH_BYTES + length + max(ends):,} bytes and has {size:,}")
    return found


def _kind(name: str, declared: Any) -> tuple[TensorKind, int]:
    """Shape and type of a declared tensor, and where it ends."""
    try:
        shape, (begin, end) = tuple(declared["shape"]), declared["data_offsets"]
        kind = TensorKind(shape, TYPES[declared["dtype"]])
        numbers = all(type(number) is int and number >= 0 for number in (*shape, begin, end))
    except (TypeError, KeyError, ValueError):
        numbers = False
    if not numbers:
        raise UnreadableError(f"{name:.100} is declared in an unknown way")
    return kind, end


def differences(wanted: Kinds, given: Kinds) -> list[str]:
    """How the tensors of a file differ from those that a network needs; empty if they fit."""
    problems = [f"{name} is missing" for name in wanted if name not in given]
    problems += [f"{name} is unknown" for name in given if name not in wanted]
    return problems + [
        f"{name} is {_words(given[name])}, expected {_words(wanted[name])}"
        for name in wanted
        if name in given and given[name] != wanted[name]
    ]


def _words(kind: TensorKind) -> str:
    return f"{kind.type} {list(kind.shape)}"
