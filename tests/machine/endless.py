"""A process that maps a function without end, in a command that can be interrupted."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from study.commandline import run_command
from study.machine import processes


def begin(file: Path) -> None:
    """Note that an item has begun, and never end it."""
    file.write_text(str(os.getpid()))
    while True:
        time.sleep(3600)


if __name__ == "__main__":
    processes.available_cpus = lambda: 2  # wherever the test runs
    files = [Path(sys.argv[1]) / str(number) for number in range(4)]
    run_command(lambda _: processes.map_processes(begin, files) and None, [])
