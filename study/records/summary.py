"""The summary of a study: how its trials ended, and which one won."""

from __future__ import annotations

from pydantic import Field

from study.records.files import Record


class Summary(Record):
    """The content of `summary.json`; details of the winner are in its trial's folder.

    Attributes:
        study: name.
        states: number of complete, pruned and failed trials.
        winner: number of the winning trial; None if none can be named.
        no_winner: why none can be named.
        independent: the best trial for each availability subset with a separate model (`model.inputs`).
    """

    study: str
    states: dict[str, int]
    winner: int | None
    no_winner: str | None = None
    independent: dict[str, int] = Field(default_factory=dict)
