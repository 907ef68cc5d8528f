"""Where values of a setting lie on an axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from analysis.report.words import setting

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from search_spaces.space import SearchSpace


@dataclass(frozen=True)
class Scale:
    """An axis for the values of one setting.

    Attributes:
        choices: the values that are evenly spaced, as text; empty for numbers.
        log: whether numbers are drawn on a logarithmic scale.
    """

    choices: tuple[str, ...]
    log: bool

    @classmethod
    def of(cls, path: str, values: Sequence[Any], space: SearchSpace) -> Scale:
        """The scale of a setting: numbers as the search draws them, anything else as choices."""
        numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
        parameter = next((one for one in space.parameters if one.path == path), None)
        if numbers and (parameter is None or parameter.kind != "categorical"):
            return cls((), parameter is not None and parameter.log)
        known = [setting(choice) for choice in parameter.choices] if parameter else []
        return cls(tuple(dict.fromkeys([*known, *map(setting, values)])), False)

    def place(self, value: Any) -> float:
        """Where a value lies."""
        return float(self.choices.index(setting(value)) if self.choices else value)

    def label(self, axes: Axes) -> None:
        """Set up the horizontal axis."""
        if self.choices:
            turned = sum(map(len, self.choices)) > 24
            axes.set_xticks(range(len(self.choices)), self.choices, rotation=40 if turned else 0)
            if turned:
                for label in axes.get_xticklabels():
                    label.set(ha="right", rotation_mode="anchor")
            axes.set_xlim(-0.5, len(self.choices) - 0.5)
        elif self.log:
            from matplotlib.ticker import FormatStrFormatter, LogLocator, NullFormatter

            axes.set_xscale("log")
            axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
            axes.xaxis.set_major_formatter(FormatStrFormatter("%g"))
            axes.xaxis.set_minor_formatter(NullFormatter())
