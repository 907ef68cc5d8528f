"""What to do about a training that does not fit into memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from study.config import Trainer
from study.errors import MemoryShortageError
from study.machine.memory import is_out_of_memory

__all__ = ["advising_on_memory", "memory_advice", "with_more_parts"]


def memory_advice(trainer: Trainer) -> str:
    """Which settings to change, with their values."""
    fewer = ["lower study.concurrency"]
    if 0 < trainer.gpus_per_worker < 1:
        fewer.insert(0, f"raise trainer.gpus_per_worker (now {trainer.gpus_per_worker:g})")
    else:
        fewer.insert(0, f"raise trainer.cpus_per_worker (now {trainer.cpus_per_worker})")
    if trainer.loader_workers > 0:
        fewer.append(f"trainer.loader_workers (now {trainer.loader_workers})")
    lines = [f"lower trainer.batch_size (now {trainer.batch_size}) or model.patch_size"]
    if trainer.micro_batches < trainer.batch_size:
        lines.append(
            "or train each batch in parts, of the same samples: trainer.on_out_of_memory=halve, "
            f"or trainer.micro_batches={min(2 * trainer.micro_batches, trainer.batch_size)}"
        )
    return "; ".join(
        [*lines, f"where trials share the memory, let fewer run at a time: {' or '.join(fewer)}"]
    )


@contextmanager
def advising_on_memory(trainer: Trainer) -> Iterator[None]:
    """Turn any error that says that memory has run out into one that says what to do.

    Raises:
        MemoryShortageError: memory has run out.
    """
    try:
        yield
    except (MemoryError, RuntimeError, OSError) as error:
        if not is_out_of_memory(error):
            raise
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise MemoryShortageError(f"out of memory ({first[:200]}); {memory_advice(trainer)}") from error


def with_more_parts(trainer: Trainer) -> Trainer | None:
    """The settings to try again with after out of memory: batches in twice as many parts.

    None if the user has not asked for it (`trainer.on_out_of_memory`), or if each part is a single sample already.
    """
    if trainer.on_out_of_memory != "halve" or trainer.micro_batches >= trainer.batch_size:
        return None
    return trainer.model_copy(update={"micro_batches": min(2 * trainer.micro_batches, trainer.batch_size)})
