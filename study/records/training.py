"""Files of a training: its checkpoint, and the list of its epochs."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from pydantic import TypeAdapter

from study.machine.files import atomic
from study.machine.untrusted import parse_json, read_limited
from study.records import losses
from study.records.files import BytesFile, StoredFile
from study.training.epoch import Epoch

MARK = b"fadeout checkpoint 1\n"
CONTENT = len(MARK) + hashlib.sha256().digest_size  # where the content begins

LARGEST_EPOCHS = 32 * 1024**2  # bytes; a hundred thousand epochs
_EPOCH = TypeAdapter(Epoch)

logger = logging.getLogger(__name__)


class EpochsFile(StoredFile):
    """JSON lines, one object per epoch; nan uses the usual extension of JSON."""

    def read(self, last: int | None = None) -> list[Epoch]:
        """The epochs, oldest first; empty if the file does not exist.

        Args:
            last: so many of them at most, the last ones; None for all.

        Raises:
            StudyError: a line is damaged.
        """
        if not self.exists:
            return []
        with self.opened() as file:
            lines = [*enumerate(read_limited(file, LARGEST_EPOCHS).splitlines(), 1)]
            return [self._epoch(line, number) for number, line in lines[-(last or len(lines)) :]]

    def write(self, epochs: Sequence[Epoch]) -> None:
        """Write all epochs atomically."""
        with atomic(self.path) as temporary:
            temporary.write_text("".join(f"{json.dumps(epoch.to_dict())}\n" for epoch in epochs))

    def _epoch(self, line: bytes, number: int) -> Epoch:
        try:
            return _EPOCH.validate_python(asdict(Epoch.from_dict(parse_json(line))))
        except KeyError as error:
            problem = f"line {number}: {error.args[0]} is missing"
        except (TypeError, ValueError) as error:
            problem = f"line {number}: {error}"
        raise self.damaged(problem)


class TrainingFiles:
    """Stores a training in three files; a `study.training.checkpoint.CheckpointStore`.

    Each checkpoint carries a digest of its content. The one before the last is kept, so that a damaged one costs the
    epochs between the two and not the training.

    Attributes:
        checkpoint: state after the last epoch, with its digest.
        before: state as it was saved before.
        epochs: the list of its epochs.
    """

    def __init__(self, checkpoint: Path, epochs: Path) -> None:
        self.checkpoint = BytesFile(checkpoint, losses.CHECKPOINT)
        self.before = BytesFile(checkpoint.with_stem(f"{checkpoint.stem}-before"), losses.CHECKPOINT)
        self.epochs = EpochsFile(epochs, losses.EPOCHS)
        self._intact = False  # whether the last checkpoint is known to be

    @property
    def name(self) -> str:
        """The checkpoint's path, for messages."""
        return str(self.checkpoint.path)

    def load(self) -> bytes | None:
        """The last checkpoint, or the one before if the last is damaged; None if there is none, or both are damaged.

        Whatever is lost is logged as a warning: the training then repeats those epochs, and its curves are the same.
        """
        content = _opened(self.checkpoint)
        self._intact = content is not None
        if content is not None:
            return content
        content = _opened(self.before)
        if self.checkpoint.exists or (content is None and self.before.exists):
            rest = "starts anew" if content is None else "continues from the checkpoint before it"
            logger.warning("%s: damaged, or written by another version; the training %s", self.name, rest)
        return content

    def save(self, checkpoint: bytes, epochs: Sequence[Epoch]) -> None:
        """Write the checkpoint, then its epochs, so that every listed epoch can be resumed from."""
        if self._intact or _opened(self.checkpoint) is not None:
            self.checkpoint.path.replace(self.before.path)
        self._intact = False
        self.checkpoint.write(MARK + hashlib.sha256(checkpoint).digest() + checkpoint)
        self._intact = True
        self.epochs.write(epochs)


def _opened(file: BytesFile) -> bytes | None:
    """The content of a checkpoint; None if there is none, or its digest differs."""
    if not file.exists:
        return None
    stored = file.read()
    mark, digest, content = stored[: len(MARK)], stored[len(MARK) : CONTENT], stored[CONTENT:]
    return content if mark == MARK and digest == hashlib.sha256(content).digest() else None
