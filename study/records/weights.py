"""Weights as safetensors files: of a trained network, and those that trials start from."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from study.errors import StudyError
from study.machine.files import atomic
from study.machine.tensors import TensorKind, read_header
from study.records import losses
from study.records.files import BytesFile, Record, RecordFile

if TYPE_CHECKING:
    from torch import Tensor


class WeightsFile(BytesFile):
    """The weights of a network."""

    def tensors(self) -> dict[str, Tensor]:
        """The tensors by name; raises StudyError if the file is missing or damaged."""
        from safetensors import SafetensorError
        from safetensors.torch import load

        self.kinds()
        try:
            loaded: dict[str, Tensor] = load(self.read())
        except (SafetensorError, ValueError, RuntimeError) as error:
            raise self.damaged(str(error)) from None
        return loaded

    def kinds(self) -> dict[str, TensorKind]:
        """Shapes and types of the tensors by name, without reading them; raises StudyError as `tensors` does."""
        if not self.exists:
            raise StudyError(f"{self.path.parent}: there are no weights (the trial is not complete)")
        with self.opened() as file:
            return read_header(file, os.fstat(file.fileno()).st_size)

    def save(self, tensors: Mapping[str, Tensor]) -> None:
        """Write a state dict atomically."""
        from safetensors.torch import save_file

        plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
        with atomic(self.path) as temporary:
            save_file(plain, temporary)


class _StartedFrom(Record):
    """Network and plan that the weights belong to."""

    model: str
    plan: dict[str, Any]


@dataclass(frozen=True, eq=False)
class Start:
    """A trained network to start from.

    Attributes:
        model: name of the network.
        plan: output of `Plan.to_dict`.
        tensors: state dict.
    """

    model: str
    plan: Mapping[str, Any]
    tensors: Mapping[str, Tensor]


class StartFiles:
    """The weights that every trial of a study starts from, copied into the study to be independent of the source."""

    def __init__(self, study: Path) -> None:
        self._what: RecordFile[_StartedFrom] = RecordFile(study / "start.json", _StartedFrom, losses.START)
        self._weights = WeightsFile(study / "start.safetensors", losses.START)

    def write(self, start: Start) -> None:
        """Write the weights, then what they belong to."""
        self._weights.save(start.tensors)
        self._what.write(_StartedFrom(model=start.model, plan=dict(start.plan)))

    def read(self) -> Start | None:
        """The weights that trials start from; None if they start from random ones."""
        found = self._what.read_if_there()
        return None if found is None else Start(found.model, found.plan, self._weights.tensors())
