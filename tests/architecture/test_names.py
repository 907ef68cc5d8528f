"""What is known of a network stands with the network: nobody else asks for its name."""

from __future__ import annotations

import ast
from pathlib import Path

from models import MODELS

ROOT = Path(__file__).parents[2]
# The name of a layout and of a training that are called after nnU-Net, and the network that a study has by default.
WORDS = {
    "threshold"
}  # a step of the post-processing and many a setting, too: cannot be told from the network
ALLOWED = {
    "study/cohort/load.py": {"nnunet"},
    "study/config/sources.py": {"nnunet"},
    "study/config/cohort.py": {"nnunet"},
    "study/config/trainer.py": {"nnunet"},
    "study/config/model.py": {"nnunet"},
    "study/config/parts.py": {"nnunet"},
}


def names_in(path: Path) -> set[str]:
    """Networks that a source names as a whole string."""
    strings = (node.value for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant))
    return {text for text in strings if isinstance(text, str) and text in MODELS.keys() - WORDS}


def test_no_network_is_named_outside_its_folder_and_the_table() -> None:
    sources = [
        path for package in ("study", "analysis", "search_spaces") for path in (ROOT / package).rglob("*.py")
    ]
    assert len(sources) > 100
    assert MODELS
    found = {str(path.relative_to(ROOT)): names_in(path) for path in sources}
    named = {path: sorted(names - ALLOWED.get(path, set())) for path, names in found.items()}
    assert {path: names for path, names in named.items() if names} == {}


def test_no_folder_of_a_network_names_another_s() -> None:
    folders = [path for path in (ROOT / "models").iterdir() if path.is_dir() and path.name in MODELS]
    assert len(folders) > 4
    for folder in folders:
        for path in folder.glob("*.py"):
            assert names_in(path) <= {folder.name}, path
