"""Result rows as Parquet tables, with the columns of `study.evaluation.rows.ResultRow`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, BinaryIO

from study.evaluation.rows import ResultRow, columns
from study.machine.files import atomic
from study.machine.untrusted import UnreadableError
from study.records.files import StoredFile

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow


ROWS_AT_ONCE = 256
MOST_BYTES = 256 * 1024**2  # of a table in memory; a million rows of ours
NEW_METRICS = (
    *("ppv", "tpr", "voxel_correlation", "lfpr", "ltpr", "relative_volume_difference", "assd_mm", "nsd"),
    *("panoptic_quality", "segmentation_quality", "recognition_quality", "calibration_error"),
)
SINCE: Mapping[str, str | float] = {
    "mirrored": "",
    **dict.fromkeys(NEW_METRICS, math.nan),
}  # columns that the first tables did not have, and what held then
DAMAGE = (
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    OSError,
    MemoryError,
    ArithmeticError,
    RuntimeError,
)
"""What pyarrow raises while it reads a file that it did not write; its own exceptions are subclasses."""


class RowsFile(StoredFile):
    """One row per subject and availability subset."""

    def read(self) -> pd.DataFrame:
        """The rows as a table; raises StudyError if the file is missing or damaged."""

        with self.opened() as file:
            return self._table(file)

    def _table(self, file: BinaryIO) -> pd.DataFrame:
        """The rows, read piece by piece, as a few bytes of Parquet may unfold to any size."""
        import pyarrow
        from pyarrow.parquet import ParquetFile

        try:
            stored = ParquetFile(file)
            metadata = stored.metadata
            groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
            left = MOST_BYTES - sum(group.total_byte_size for group in groups)
            batches = []
            for batch in stored.iter_batches(ROWS_AT_ONCE) if left > 0 else ():
                batches.append(batch)
                left -= batch.nbytes
                if left < 0:
                    break
            if left < 0:
                raise UnreadableError(f"larger than {MOST_BYTES:,} bytes")
            table = pyarrow.Table.from_batches(batches, stored.schema_arrow)
            rows: pd.DataFrame = table.to_pandas(ignore_metadata=True)
        except UnreadableError:
            raise
        except DAMAGE as error:
            raise UnreadableError((str(error).splitlines() or [type(error).__name__])[0]) from None
        _check_columns(table)
        return rows.assign(**{name: value for name, value in SINCE.items() if name not in rows})

    def write(self, rows: Sequence[ResultRow]) -> None:
        """Write the rows atomically; without rows, an empty table with all columns."""
        import pandas as pd

        table = pd.DataFrame([row.cells() for row in rows])
        table = table if rows else pd.DataFrame(columns=list(columns()))
        with atomic(self.path) as temporary:
            table.to_parquet(temporary, index=False)


def _check_columns(table: pyarrow.Table) -> None:
    """Raise UnreadableError unless all columns are there, and hold what they should."""
    from pyarrow import types as kinds

    numbers, texts = (kinds.is_floating, kinds.is_integer), (kinds.is_string, kinds.is_large_string)
    right = {"float": numbers, "int": numbers, "bool": (kinds.is_boolean,)}
    wanted = {field.name: str(field.type) for field in fields(ResultRow)}
    for name in columns():
        if name not in table.column_names:
            if name in SINCE:
                continue
            raise UnreadableError(f"column {name} is missing")
        column, kind = table.column(name), wanted[name]
        fits = any(is_kind(column.type) for is_kind in right.get(kind, texts))
        if len(table) and (not fits or (kind not in ("float", "int") and column.null_count)):
            raise UnreadableError(f"column {name} holds {column.type}, not {kind}")
