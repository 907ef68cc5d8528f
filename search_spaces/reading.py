"""Reads the nested content of a YAML file as parameters, and collects what is wrong with the file itself."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from search_spaces.around import around_problems, lies_around, with_ends
from search_spaces.parameter import Parameter
from search_spaces.prior import prior_problems, read_prior
from study.config import is_own, is_setting, legal_keys
from study.config.nearest import no_such_key

# One cache, one start and one objective serve all trials; rungs need one number of epochs.
SHARED = (
    "study",
    "objective",
    "cohort",
    "imaging",
    "lesion",
    "imputation.b_value_s_mm2",
    "transfer",
    "evaluation.metrics",
    "tuning",
    "tracking",
    "search_space",
    "cluster",
    "resume",
    "dry_run",
    "debug",
    "trainer.epochs",
    "trainer.validate_every",
    "trainer.device",
)
_KEYS = {
    "float": ("low", "high", "around", "step", "log", "paper", "prior"),
    "int": ("low", "high", "around", "step", "log", "paper", "prior"),
    "categorical": ("choices", "in_turn", "paper", "prior"),
    "subsets": (),
    "fixed": ("value",),
}
_REQUIRED = {
    "float": ("low", "high"),
    "int": ("low", "high"),
    "categorical": ("choices",),
    "subsets": (),
    "fixed": ("value",),
}


def read_parameters(
    content: Mapping[str, Any],
    problems: list[str],
    subsets: Sequence[str],
    configured: Callable[[str], Any],
) -> list[Parameter]:
    """The parameters that are well formed, by path; for each of the others a line is added to `problems`.

    Args:
        content: of the file.
        problems: grows.
        subsets: the choices of `type: subsets`.
        configured: the configuration's value at a path, around which a range may lie.
    """
    found: list[Parameter] = []
    for path, leaf in _leaves(content, "", problems):
        wrong = _leaf_problems(path, leaf, configured(path)) if isinstance(leaf, Mapping) else []
        problems += [f"search_space.{path}.{problem}" for problem in wrong]
        if not wrong:
            found.append(_read_leaf(path, leaf, subsets, configured(path)))
    return sorted(found, key=lambda parameter: parameter.path)


def _leaves(content: Mapping[str, Any], parent: str, problems: list[str]) -> Iterator[tuple[str, Any]]:
    for name, entry in content.items():
        path = f"{parent}.{name}" if parent else str(name)
        nested = isinstance(entry, Mapping) and "type" not in entry
        if str(name) not in legal_keys(parent) and not is_own(path):
            wrong = no_such_key(legal_keys(parent), parent or "the configuration", str(name))
            problems.append(f"search_space.{path}: {wrong}")
        elif any(path == shared or path.startswith(f"{shared}.") for shared in SHARED):
            problems.append(
                f"search_space.{path}: is one for all trials of a study; set it in the configuration instead"
            )
        elif is_setting(path) and not (nested and is_own(path)):
            yield path, entry
        elif nested:
            yield from _leaves(entry, path, problems)
        else:
            problems.append(
                f"search_space.{path}: is a section; search its keys: {', '.join(legal_keys(path))}"
            )


def _leaf_problems(path: str, leaf: Mapping[str, Any], configured: Any) -> list[str]:
    """What is wrong with an entry that is no plain value, each line after the entry's path and a dot."""
    kind = leaf.get("type")
    if not isinstance(kind, str) or kind not in _KEYS:
        return [f"type: must be one of {', '.join(_KEYS)}, got {kind!r}"]
    legal = ("type", *_KEYS[kind], "size", "when")
    found = [f"{key}: no such key; {kind} has {', '.join(legal)}" for key in leaf if key not in legal]
    required = () if lies_around(leaf) else _REQUIRED[kind]
    found += [f"{key}: required with type {kind} and not given" for key in required if key not in leaf]
    found += _size_problems(leaf)
    found += _when_problems(leaf.get("when", {}))
    if kind == "subsets" and path != "model.inputs":
        found.append("type: subsets is for model.inputs alone")
    if found:
        return found
    if kind == "categorical":
        found = _choice_problems(leaf) or prior_problems(kind, leaf)
    if kind in ("float", "int"):
        found = around_problems(leaf, configured)
        leaf = leaf if found else with_ends(leaf, configured)
        found = found or _range_problems(kind, leaf) or prior_problems(kind, leaf)
    return found


def _read_leaf(path: str, leaf: Any, subsets: Sequence[str], configured: Any) -> Parameter:
    """The parameter that a well-formed entry makes."""
    if not isinstance(leaf, Mapping):
        return Parameter(path, "fixed", value=leaf)
    kind = leaf["type"]
    if kind == "subsets":
        return Parameter(path, "categorical", choices=tuple(subsets), in_turn=True)
    fields = {key: leaf[key] for key in (*_KEYS[kind], "size") if key in leaf}
    fields["prior"] = read_prior(leaf)
    if kind == "categorical":
        fields["choices"] = tuple(leaf["choices"])
    if kind in ("float", "int"):
        ends = with_ends(leaf, configured)
        fields |= {key: float(ends[key]) if kind == "float" else ends[key] for key in ("low", "high")}
        fields["around"] = leaf["around"] if lies_around(leaf) else None
    return Parameter(path, kind, when=_flatten_when(leaf.get("when", {})), **fields)


def _size_problems(leaf: Mapping[str, Any]) -> list[str]:
    size = leaf.get("size")
    if size is None or (isinstance(size, int) and not isinstance(size, bool) and size >= 1):
        return []
    return [f"size: must be a whole number of at least 1, got {size!r}"]


def _choice_problems(leaf: Mapping[str, Any]) -> list[str]:
    problems = []
    choices, in_turn = leaf["choices"], leaf.get("in_turn", False)
    if not (isinstance(choices, list | tuple) and choices):
        problems.append(f"choices: must be a list with at least one entry, got {choices!r}")
    if not isinstance(in_turn, bool):
        problems.append(f"in_turn: must be true or false, got {in_turn!r}")
    if in_turn and "size" in leaf:
        problems.append(
            "size: a list of independent entries cannot be tried in turn; leave one of the two out"
        )
    return problems


def _range_problems(kind: str, leaf: Mapping[str, Any]) -> list[str]:
    problems = []
    low, high, step, log = leaf["low"], leaf["high"], leaf.get("step"), leaf.get("log", False)
    paper = leaf.get("paper")
    if not isinstance(log, bool):
        problems.append(f"log: must be true or false, got {log!r}")
    numbers = paper if isinstance(paper, list) and "size" in leaf else [paper]
    for key, number in (
        ("low", low),
        ("high", high),
        ("step", step),
        *(("paper", number) for number in numbers),
    ):
        if number is not None and not _is_number(kind, number):
            wanted = "a whole number" if kind == "int" else "a finite number"
            problems.append(f"{key}: must be {wanted}, got {number!r}")
    if problems:
        return problems
    if low >= high:
        problems.append(f"low: must be below high={high}, got {low}")
    if log and low <= 0:
        problems.append(f"low: must be above 0 with log, got {low}")
    if step is not None:
        problems += _step_problems(low, high, step, log)
    return problems


def _step_problems(low: float, high: float, step: float, log: bool) -> list[str]:
    if step <= 0:
        return [f"step: must be above 0, got {step}"]
    if log:
        return ["step: cannot be combined with log; leave one of them out"]
    steps = (high - low) / step
    if abs(steps - round(steps)) > 1e-6:
        return [
            f"step: high - low must be a multiple of it; from {low} in steps of {step}, {high} is not reached"
        ]
    return []


def _is_number(kind: str, number: Any) -> bool:
    if isinstance(number, bool):
        return False
    return isinstance(number, int) or (
        kind == "float" and isinstance(number, float) and math.isfinite(number)
    )


def _when_problems(when: Any) -> list[str]:
    if not isinstance(when, Mapping):
        return [f"when: must map paths to lists of values, such as {{schedule.shape: [step]}}, got {when!r}"]
    return [
        f"when.{path}: must be a list of the values with which this parameter counts, got {values!r}"
        for path, values in _conditions(when)
        if not isinstance(values, list | tuple) or not values
    ]


def _flatten_when(when: Mapping[str, Any]) -> dict[str, tuple[Any, ...]]:
    return {path: tuple(values) for path, values in _conditions(when)}


def _conditions(when: Mapping[str, Any], parent: str = "") -> Iterator[tuple[str, Any]]:
    """Conditions may be written nested too, which makes them reachable for command-line overrides."""
    for name, entry in when.items():
        path = f"{parent}.{name}" if parent else str(name)
        if isinstance(entry, Mapping):
            yield from _conditions(entry, path)
        else:
            yield path, entry
