"""A command that waits for its tracking to end."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from study.commandline import run_command
from study.records import StudyFolder
from study.tracking import make_tracker


def tell_once_closing(tracker: Any) -> None:
    """Write a line as soon as the tracker has been asked to finish."""
    while not tracker._closing:
        time.sleep(0.01)
    sys.stdout.write("finishing\n")
    sys.stdout.flush()


def finish(arguments: Sequence[str]) -> None:
    """Send the study in this folder to this address; the first line of output tells that the end is waited for."""
    root, uri, timeout_s = arguments
    folder = StudyFolder(Path(root), "tiny")
    tracker = make_tracker(folder.config.read().with_values({"tracking.uri": uri}), folder)
    tracker.begin()
    threading.Thread(target=tell_once_closing, args=(tracker,), daemon=True).start()
    tracker.finish(float(timeout_s))


if __name__ == "__main__":
    run_command(finish)
