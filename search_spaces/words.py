"""Parameters and values of a search space in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from search_spaces.parameter import Parameter

__all__ = ["condition_text", "prior_text", "range_text", "value_text"]

AS_WORDS = {None: "null", True: "true", False: "false"}


def value_text(value: Any) -> str:
    """A value as it is written on the command line."""
    if value is None or isinstance(value, bool):
        return AS_WORDS[value]
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list | tuple):
        return f"[{','.join(map(value_text, value))}]"
    return str(value)


def range_text(parameter: Parameter) -> str:
    """What a parameter is searched in: `0.1 to 0.9`, `2 to 8 in steps of 2`, `step, linear`."""
    if parameter.kind == "fixed":
        return value_text(parameter.value)
    if parameter.kind == "categorical":
        text = ", ".join(map(value_text, parameter.choices)) + (", in turn" if parameter.in_turn else "")
    else:
        text = f"{value_text(parameter.low)} to {value_text(parameter.high)}"
        if parameter.step is not None:
            text += f" in steps of {value_text(parameter.step)}"
        elif parameter.kind == "int":
            text += ", whole numbers"
        text += ", logarithmic" if parameter.log else ""
    return text if parameter.size is None else f"{parameter.size} × ({text})"


def prior_text(parameter: Parameter) -> str:
    """What is expected of a parameter: `0.5 ± 0.2 of the range`, `cosine at 50 %`; empty without a prior."""
    prior = parameter.prior
    if prior is None:
        return ""
    at = value_text(prior.at)
    if parameter.kind == "categorical":
        return f"{at} at {100 * prior.chance:.0f} %"
    return f"{at} ± {value_text(prior.width)} of the {'logarithmic ' if parameter.log else ''}range"


def condition_text(parameter: Parameter) -> str:
    """What must hold for a parameter to count: `schedule.shape=step or linear`; empty if it always counts."""
    return " and ".join(
        f"{path}={' or '.join(map(value_text, allowed))}" for path, allowed in parameter.when.items()
    )
