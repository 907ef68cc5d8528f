"""Arguments of which later ones replace earlier ones; a command refuses a key that is given twice."""

from __future__ import annotations


def later_wins(*arguments: str) -> list[str]:
    """The arguments with the last value of each key."""
    return list({argument.partition("=")[0]: argument for argument in arguments}.values())
