"""The house keeps its shape: small functions, small files, everything public documented."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("study", "models", "search_spaces", "analysis", "benchmarks")
SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
LONGEST_FILE, LONGEST_FUNCTION, USUAL_FUNCTION = 300, 50, 20  # lines

Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions(path: Path) -> Iterator[Function]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, Function):
            yield node


def lines_of(function: Function) -> int:
    """Lines of a function without its docstring."""
    documentation = ast.get_docstring(function, clean=False)
    whole = (function.end_lineno or function.lineno) - function.lineno + 1
    return whole - (documentation.count("\n") + 1 if documentation else 0)


def public(tree: ast.AST) -> Iterator[ast.AST]:
    """The module, and its public classes and functions, also inside of public classes."""
    yield tree
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, Function | ast.ClassDef) and not node.name.startswith("_"):
            yield from public(node) if isinstance(node, ast.ClassDef) else [node]


def test_there_is_something_to_look_at() -> None:
    assert len(SOURCES) > 100
    assert len(TESTS) > 100


@pytest.mark.parametrize("path", [*SOURCES, *TESTS], ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_has_at_most_so_many_lines(path: Path) -> None:
    assert path.read_text().count("\n") <= LONGEST_FILE


def test_functions_are_short() -> None:
    lengths = {
        f"{path.relative_to(ROOT)}:{function.lineno} {function.name}": lines_of(function)
        for path in SOURCES
        for function in functions(path)
    }
    assert {name: length for name, length in lengths.items() if length > LONGEST_FUNCTION} == {}
    assert sorted(lengths.values())[int(0.9 * len(lengths))] <= USUAL_FUNCTION


def test_everything_public_is_documented() -> None:
    undocumented = [
        f"{path.relative_to(ROOT)}: {getattr(node, 'name', 'the module')}"
        for path in SOURCES
        for node in public(ast.parse(path.read_text()))
        if not ast.get_docstring(node)  # type: ignore[arg-type]
    ]
    assert undocumented == []


def test_no_exception_is_swallowed() -> None:
    swallowed = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ExceptHandler) and all(isinstance(line, ast.Pass) for line in node.body)
    ]
    assert swallowed == []


def test_commands_alone_lie_in_the_package_s_own_folder() -> None:
    commands = {path.stem for path in (ROOT / "study").glob("*.py")} - {"__init__", "errors"}
    assert commands
    for name in commands:
        tree = ast.parse((ROOT / "study" / f"{name}.py").read_text())
        assert any(isinstance(node, ast.FunctionDef) and node.name == "main" for node in tree.body), name
