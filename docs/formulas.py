"""Formulas as MathML, which browsers draw without a script: a hook of MkDocs (see mkdocs.yml).

Pages write formulas as GitHub reads them: `$q$` in a line, and code blocks of the language `math`.
"""

from __future__ import annotations

import re
from typing import Any

from latex2mathml.converter import convert

_CODE = r"(?P<code>^```[^\n]*\n.*?^```$|`[^`\n]+`)"
_BLOCK = r"^```math\n(?P<block>.*?)^```$"
_LINE = r"\$(?P<line>[^$\n]+)\$"
_PIECES = re.compile(rf"{_BLOCK}|{_CODE}|{_LINE}", re.DOTALL | re.MULTILINE)


def on_page_markdown(markdown: str, **_: Any) -> str:
    """The page with every formula outside of code replaced."""
    return _PIECES.sub(_set, markdown)


def _set(piece: re.Match[str]) -> str:
    if piece["block"]:
        return str(convert(piece["block"].strip(), display="block"))
    if piece["line"]:
        return (
            f"<span>{convert(piece['line'])}</span>"  # alone at the start of a line it would be a paragraph
        )
    return piece[0]
