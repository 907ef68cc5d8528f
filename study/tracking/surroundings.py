"""What a study ran with: package versions and the commit of the code."""

from __future__ import annotations

import platform
import subprocess
from functools import cache
from importlib import metadata
from pathlib import Path

PACKAGES = ("fadeout", "torch", "numpy", "ray", "optuna", "mlflow", "torchio")


def versions() -> dict[str, str]:
    """The version of Python and of each package that is installed."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def git_commit(folder: Path) -> str | None:
    """The commit of a folder that is a checkout, `-dirty` added where files differ; None for any other."""
    top = _git(folder, "rev-parse", "--show-toplevel")
    commit = _git(folder, "rev-parse", "--verify", "-q", "HEAD")
    if top is None or commit is None or Path(top).resolve() != folder.resolve():
        return None
    return f"{commit}-dirty" if _git(folder, "status", "--porcelain", "--untracked-files=no") else commit


@cache
def surroundings() -> dict[str, str]:
    """Versions and commit as tags; read once a process."""
    tags = {f"fadeout.version.{name}": version for name, version in versions().items()}
    commit = git_commit(Path(__file__).parents[2])
    if commit is not None:
        tags |= {"fadeout.git_commit": commit, "mlflow.source.git.commit": commit.removesuffix("-dirty")}
    return tags


def _git(folder: Path, *arguments: str) -> str | None:
    command = ["git", "-C", str(folder), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
