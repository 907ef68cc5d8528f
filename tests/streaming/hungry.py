"""A process that waits for brains without end, in a command that can be interrupted."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from stream_cases import brains_of, simulated_in

from study.commandline import run_command
from study.streaming.supply import supplying


def wait(cache: Path) -> None:
    """Have brains made; a file says that the first one is there."""
    stream = simulated_in(cache)
    with supplying(stream, [{brain} for brain in brains_of(stream, 1000)]) as supply:
        assert supply is not None
        supply.wait_for_next()
        (cache / "begun").touch()
        while True:
            time.sleep(3600)


if __name__ == "__main__":
    run_command(lambda _: wait(Path(sys.argv[1])), [])
