"""Checks that a study may start: it must not exist yet, or be resumed with the same settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from study.config import Config
from study.errors import StudyError
from study.records import StudyFolder

FREE_TO_CHANGE = (
    "resume",
    "dry_run",
    "debug",
    "cluster",
    "tracking",
    "study.trials",
    "study.replicates",
    "ensemble.members",
    "evaluation.average",
    "evaluation.rule",
    "study.concurrency",
    "study.root",
    "cohort.pseudonym_key",
    "cohort.names",
    *("trainer.micro_batches", "trainer.on_out_of_memory", "trainer.loader_workers"),  # the same samples
    "cohort.phantom.stream_processes",
)


def check_resumable(config: Config, folder: StudyFolder) -> None:
    """Raise StudyError if the study exists and cannot be resumed with this configuration, or runs already."""
    if not folder.config.exists:
        return
    folder.refuse_driven()
    if not config.resume:
        raise StudyError(
            f"study.name: '{config.study.name}' exists in {folder.path}; "
            "resume it with resume=true, or choose another study.name=…"
        )
    folder.refuse_links()
    stored = _fixed(folder.config.read().model_dump(mode="json"))
    given = _fixed(config.model_dump(mode="json"))
    different = [
        f"{path}: the study has {stored.get(path)!r}, now {given.get(path)!r}; keep it, or choose another study.name=…"
        for path in sorted(stored.keys() | given.keys())
        if stored.get(path) != given.get(path)
    ]
    if different:
        raise StudyError("\n".join(different))


def _fixed(content: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Settings by dotted path, without those that may change between runs of one study."""
    leaves: dict[str, Any] = {}
    for key, value in content.items():
        path = f"{prefix}{key}"
        if path in FREE_TO_CHANGE:
            continue
        if isinstance(value, Mapping):
            leaves |= _fixed(value, f"{path}.")
        else:
            leaves[path] = value
    return leaves
