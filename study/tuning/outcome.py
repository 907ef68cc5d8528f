"""How a trial that could not finish leaves its result."""

from __future__ import annotations

from study.errors import CohortError
from study.results import TrialFolder, write_json


def write_failure(folder: TrialFolder, error: Exception | str, seconds: float = 0.0) -> None:
    """Write a result of state `failed`; the error's text names no subject, for results are tracked."""
    if isinstance(error, CohortError):
        error = f"CohortError: {len(error.problems)} problems; `python -m study.cohort check` lists them"
    text = error if isinstance(error, str) else f"{type(error).__name__}: {error}"
    epochs = folder.read_epochs()
    result: dict[str, object] = {
        "trial": folder.number,
        "state": "failed",
        "value": None,
        "epochs": epochs[-1]["epoch"] if epochs else 0,
        "seconds": seconds,
        "postprocessing": None,
        "crossfit": None,
        "scores": {},
        "error": text,
    }
    write_json(folder.result, result)
