"""A driver that can be killed: runs the search of a study folder whose configuration is written.

FAKE_TRIAL names one of the fake trials, and FAKE_BOOT_ID a file with the identity of the machine that it pretends to
run on; FAKE_LOOK_S is the time between two looks at another driver's lease.
"""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

import fake_trials

from study.commandline import run_command
from study.records import StudyFolder
from study.tuning import lease, run_search
from study.workflow.searching import search_plan

if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s")
    lease.BOOT_ID = Path(os.environ.get("FAKE_BOOT_ID", lease.BOOT_ID))
    lease.LOOK_S = float(os.environ.get("FAKE_LOOK_S", lease.LOOK_S))
    trial = os.environ.get("FAKE_TRIAL", "fake_trial")
    folder = StudyFolder(Path(sys.argv[1]), "s")
    config = folder.config.read()
    run_command(
        lambda _: run_search(
            search_plan(config), folder, lambda number: None, run_trial=getattr(fake_trials, trial)
        ),
        [],
    )
