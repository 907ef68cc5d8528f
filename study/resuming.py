"""Whether a study may begin, or go on: it must not exist yet, or be asked to be resumed with the same settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from study.config import Config, validate
from study.errors import StudyError
from study.results import StudyFolder, read_json

FREE_TO_CHANGE = ("resume", "dry_run", "debug", "tracking", "study.trials", "study.concurrency", "study.root")


def check_resumable(config: Config, folder: StudyFolder) -> None:
    """Nothing where the study is new; raises StudyError where it exists and may not be gone on with."""
    if not folder.config.is_file():
        return
    if not config.resume:
        raise StudyError(
            f"study.name: '{config.study.name}' exists in {folder.path}; "
            "go on with it by resume=true, or choose another study.name=…"
        )
    stored = _fixed(validate(read_json(folder.config)).model_dump(mode="json"))
    given = _fixed(config.model_dump(mode="json"))
    different = [
        f"{path}: the study has {stored.get(path)!r}, now {given.get(path)!r}; keep it, or choose another study.name=…"
        for path in sorted(stored.keys() | given.keys())
        if stored.get(path) != given.get(path)
    ]
    if different:
        raise StudyError("\n".join(different))


def _fixed(content: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Leaves by dotted path, without what may change between the runs of one study."""
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
