"""`python -m study.evaluate study.name=…`: scores the winner or any trial on its test subjects or another cohort."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from study.commandline import parse_pairs, run_command, say, usage
from study.errors import ConfigError

if TYPE_CHECKING:
    from study.config import Config
    from study.records import TrialFolder
    from study.records.rows import RowsFile

SETTINGS = {
    "evaluation.subsets": "droppable: each droppable modality removed in turn; all: every non-empty subset",
    "imaging.most_voxels": "voxels that a scan of another cohort may have (default: as in the study)",
    "imaging.cache": "folder of prepared subjects (default: as in the study)",
}
KEYS = {
    "study.name": "the study; required",
    "study.root": "folder that holds the studies (default: studies)",
    "trial": "number of the trial (default: the winner)",
    **SETTINGS,
    "cohort": "choice of another cohort, with its cohort.… keys (default: the study's own test subjects)",
    "debug": "true: print the traceback of an error",
}
PURPOSE = "Score a trained network, center by center and availability subset by availability subset."


def main(arguments: Sequence[str]) -> None:
    """Evaluate a trial and print the table; rows are written to the trial's folder."""
    if {"-h", "--help"} & set(arguments):
        say(usage("study.evaluate", PURPOSE, KEYS))
        return
    others = [argument for argument in arguments if argument.startswith(("cohort=", "cohort."))]
    given = parse_pairs([argument for argument in arguments if argument not in others], KEYS)
    problems = [] if given.get("study.name") else ["study.name: required and not given"]
    if not given.get("trial", "0").isdecimal():
        problems.append(f"trial: must be the number of a trial, got '{given['trial']}'")
    if problems:
        raise ConfigError(problems)

    from study.commandline.composition import compose_section
    from study.records import StudyFolder
    from study.workflow.evaluating import evaluate_trial

    with StudyFolder.opened(given.get("study.root", "studies"), given["study.name"]) as folder:
        evaluated = evaluate_trial(
            folder,
            int(given["trial"]) if "trial" in given else None,
            say,
            values={key: given[key] for key in SETTINGS if key in given},
            cohort=compose_section(others, "cohort") if others else None,
        )
        say(_tables(*evaluated))


def _tables(config: Config, trial: TrialFolder, rows: RowsFile) -> str:
    from analysis.method import Method
    from analysis.rendering import to_text, without_repeats
    from analysis.trial_tables import trial_tables

    method = Method.of(config.evaluation, config.study.seed)
    tables = without_repeats(trial_tables(rows.read(), method, config.cohort.target))
    return "\n\n".join([f"trial {trial.number}", *map(to_text, tables), f"rows: {rows.path}"])


if __name__ == "__main__":
    run_command(main)
