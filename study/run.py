"""`python -m study.run search_space=gradual`: a whole study, from scans to the winner and its table."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from study.cli import run_command
from study.composition import compose, help_text, to_yaml
from study.config import Config, validate
from study.errors import StudyError
from study.results import StudyFolder, read_json, write_json

FREE_TO_CHANGE = ("resume", "dry_run", "debug", "tracking", "study.trials", "study.concurrency", "study.root")


def main(arguments: Sequence[str]) -> None:
    """Run, resume, or only plan a study."""
    if "--help" in arguments or "-h" in arguments:
        print(help_text("study.run", "Search for the model that holds up at an unseen center with a sequence missing."))
        return
    arguments, show = take_cfg_job(arguments)
    config = compose(arguments)
    if show:
        print(to_yaml(config), end="")
        return
    from search_spaces.space import SearchSpace

    SearchSpace.parse(config.search_space, config)
    if config.dry_run:
        from study.forecast import forecast

        print(forecast(config))
        return
    run_study(config)


def take_cfg_job(arguments: Sequence[str]) -> tuple[list[str], bool]:
    """The arguments without `--cfg job`, and whether it was there."""
    rest = list(arguments)
    for index, argument in enumerate(rest):
        if argument in ("--cfg=job", "-c=job"):
            return rest[:index] + rest[index + 1 :], True
        if argument in ("--cfg", "-c") and rest[index + 1 : index + 2] == ["job"]:
            return rest[:index] + rest[index + 2 :], True
    return rest, False


def run_study(config: Config) -> None:
    """Prepare, search, sum up; leaves a folder that `resume=true` can go on with at any moment."""
    folder = StudyFolder(config.study.root, config.study.name)
    check_resumable(config, folder)
    from study.preparation import prepare_study
    from study.report import final_report, summarise
    from study.tracking import Tracker
    from study.tuning import run_search

    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s")
    print(f"study {config.study.name}: preparing the scans", flush=True)
    print("\n".join(prepare_study(config, folder)), flush=True)
    tracker = Tracker(config, folder)
    tracker.begin()
    try:
        run_search(config, folder, _announce(config, folder, tracker.trial_changed))
    finally:
        write_json(folder.summary, summarise(config, folder))
        tracker.finish()
    print(final_report(config, folder))


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


def _announce(config: Config, folder: StudyFolder, track: Callable[[int], None]) -> Callable[[int], None]:
    """Told of every change of a trial: pass it on to the tracking, and print a line when the trial has ended."""
    told: set[int] = set()

    def changed(number: int) -> None:
        track(number)
        result = folder.trial(number).read_result()
        if result is None or number in told:
            return
        told.add(number)
        value = "" if result["value"] is None else f", objective {result['value']:.3f}"
        reason = f": {result['error']}" if result["error"] else ""
        print(
            f"trial {number} {result['state']} after {result['epochs']} epochs{value}{reason} "
            f"({len(told)} ended now, {config.study.trials} asked for)",
            flush=True,
        )

    return changed


if __name__ == "__main__":
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    run_command(main)
