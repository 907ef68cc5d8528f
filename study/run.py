"""`python -m study.run search_space=gradual`: a whole study, from scans to the winner and its table."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from study.cli import run_command
from study.composition import compose, help_text, take_cfg_job, to_yaml
from study.config import Config
from study.results import StudyFolder, write_json
from study.resuming import check_resumable


def main(arguments: Sequence[str]) -> None:
    """Run, resume, or only plan a study."""
    if "--help" in arguments or "-h" in arguments:
        print(
            help_text(
                "study.run", "Search for the model that holds up at an unseen center with a sequence missing."
            )
        )
        return
    arguments, show = take_cfg_job(arguments)
    config = compose(arguments)
    if show:
        print(to_yaml(config), end="")
        return
    if config.dry_run:
        from study.forecast import forecast

        print(forecast(config))
        return
    run_study(config)


def run_study(config: Config) -> None:
    """Prepare, search, sum up; leaves a folder that `resume=true` can go on with at any moment."""
    folder = StudyFolder(config.study.root, config.study.name)
    check_resumable(config, folder)
    from study.lesion_model import find_lesion_model
    from study.preparation import prepare_study
    from study.report import final_report, summarise
    from study.starting import find_start
    from study.tracking import Tracker
    from study.tuning import run_search

    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s")
    start, lesion_model = find_start(config), find_lesion_model(config)
    print(f"study {config.study.name}: preparing the scans", flush=True)
    print("\n".join(prepare_study(config, folder, start, lesion_model)), flush=True)
    tracker = Tracker(config, folder)
    tracker.begin()
    try:
        run_search(config, folder, _announce(config, folder, tracker.trial_changed))
    finally:
        write_json(folder.summary, summarise(config, folder))
        tracker.finish()
    print(final_report(config, folder))


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
    run_command(main)
