"""A driver that can be killed: runs the search of a study folder whose configuration is written."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import fake_trials

from study.cli import run_command
from study.config import validate
from study.results import StudyFolder
from study.tuning import run_search

if __name__ == "__main__":
    folder = StudyFolder(Path(sys.argv[1]), "s")
    config = validate(json.loads(folder.config.read_text()))
    run_command(
        lambda _: run_search(config, folder, lambda number: None, run_trial=fake_trials.fake_trial), []
    )
