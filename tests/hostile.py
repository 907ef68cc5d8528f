"""For tests of files from strangers: bytes and JSON with damage of any kind, and a process of bounded size."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

STRANGE = st.sampled_from(
    [
        None, True, -1, 0, 3, 10**5, 2**31, 2**63, 10**30, 1.5, 1e300, float("nan"), float("inf"),
        "", "x", "\0", "\ud800", "a/../b", "urn", "é" * 300, [], [[]], {}, {"a": 1}, [1] * 300,
    ]
).map(copy.deepcopy)  # fmt: skip
"""What stands in no file of ours, or at another place."""

BOUNDED = """
import resource, sys
def bounded(action):
    '''Run an action with 1 GB of memory and 5 s of a processor beyond what the process has used.'''
    pages = int(open('/proc/self/statm').read().split()[0])
    used = resource.getrusage(resource.RUSAGE_SELF)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + 2**30, -1))
    resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + 5, -1))
    try:
        action()
    except FadeoutError as error:
        print(type(error).__name__, error)
    else:
        sys.exit('it was taken')
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (-1, -1))
"""


@st.composite
def damaged_bytes(draw: st.DrawFn, content: bytes) -> bytes:
    """Content with a few bytes flipped, replaced, cut out, doubled or cut off; its ends are hit most."""
    changed = bytearray(content)
    for _ in range(draw(st.integers(1, 4))):
        if not changed:
            break
        last = len(changed) - 1
        near = st.integers(0, min(300, last))
        place = draw(st.one_of(st.integers(0, last), near, near.map(lambda back, last=last: last - back)))
        kind = draw(st.sampled_from(["flip", "set", "cut", "double", "end"]))
        if kind == "flip":
            changed[place] ^= 1 << draw(st.integers(0, 7))
        elif kind == "set":
            changed[place : place + 4] = draw(st.sampled_from([b"\0" * 4, b"\xff" * 4, b"\x7f\xff\xff\xff"]))
        elif kind == "cut":
            del changed[place : place + draw(st.integers(1, 40))]
        elif kind == "double":
            changed[place:place] = changed[place : place + draw(st.integers(1, 40))]
        else:
            del changed[place:]
    return bytes(changed)


@st.composite
def damaged_json(draw: st.DrawFn, content: Any) -> Any:
    """JSON content in which some values are strange, absent, repeated or larger."""
    changed = json.loads(json.dumps(content))
    for _ in range(draw(st.integers(1, 3))):
        places = list(_places(changed))
        if not places:
            return draw(STRANGE)
        container, key = draw(st.sampled_from(places))
        kind = draw(st.sampled_from(["strange", "strange", "absent", "grown", "added"]))
        value = container[key]
        if kind == "absent":
            del container[key]
        elif kind == "grown" and isinstance(value, (str, list)):
            container[key] = value * draw(st.sampled_from([2, 100]))
        elif kind == "grown" and isinstance(value, (int, float)) and not isinstance(value, bool):
            container[key] = draw(st.sampled_from([-value, value * 2, value + 1, 50, 65536]))
        elif kind == "added" and isinstance(container, dict):
            container[draw(st.sampled_from(["more", "", "\0"]))] = draw(STRANGE)
        else:
            container[key] = draw(STRANGE)
    return changed


def _places(content: Any) -> Iterator[tuple[Any, Any]]:
    """Every container in JSON content with each of its keys."""
    keys = (
        list(content)
        if isinstance(content, dict)
        else range(len(content))
        if isinstance(content, list)
        else []
    )
    for key in keys:
        yield content, key
        yield from _places(content[key])


def run_bounded(code: str) -> list[str]:
    """Run code in a process of its own, in which `bounded(action)` expects a FadeoutError; returns what it printed."""
    root = Path(__file__).parents[1]
    environment = {**os.environ, "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", f"from study.errors import FadeoutError\n{BOUNDED}\n{code}"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{done.returncode}: {done.stdout} {done.stderr[-2000:]}"
    return done.stdout.splitlines()
