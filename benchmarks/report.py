"""`python -m benchmarks.report`: time, memory and size of the report of a large study whose rows are made up.

200 trials, 5 centers with 100 test subjects each, 4 availability subsets. The report is written by its own command in a
process of its own, whose peak memory is what is measured. The ratio is the time that a report may take, 20 s, over the
time that it takes. `--trials`, `--centers` and `--subjects` change the size.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.many_rows import Size, make_study

MOST_S = 20.0


def main() -> None:
    """Measure and print."""
    size = _size()
    with tempfile.TemporaryDirectory() as root:
        folder = make_study(Path(root), size)
        began = time.perf_counter()
        command = [
            sys.executable,
            "-m",
            "analysis.report",
            f"study.name={folder.path.name}",
            f"study.root={root}",
        ]
        subprocess.run(command, check=True)
        seconds = time.perf_counter() - began
        page_mb = (folder.path / "report.html").stat().st_size / 1e6
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    measured_on = {
        "trials": size.trials,
        "rows_per_trial": size.centers * size.subjects * 4,
        "seconds": round(seconds, 1),
        "cpu_s": round(used.ru_utime + used.ru_stime, 1),
        "peak_gb": round(used.ru_maxrss / 1e6, 2),  # Linux counts in kB
        "page_mb": round(page_mb, 1),
        "python": platform.python_version(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
    }
    print(json.dumps({"ratio": MOST_S / seconds, "measured_on": measured_on}))


def _size() -> Size:
    usual = Size()
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trials", type=int, default=usual.trials)
    parser.add_argument(
        "--centers", type=int, default=usual.centers, help="the last one is unseen; 10 at most"
    )
    parser.add_argument("--subjects", type=int, default=usual.subjects, help="test subjects of each center")
    given = parser.parse_args()
    return Size(given.trials, given.centers, given.subjects)


if __name__ == "__main__":
    main()
