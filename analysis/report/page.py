"""One self-contained HTML page: nothing in it is fetched from anywhere."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from analysis.rendering import printed, to_csv, to_latex, to_markdown
from analysis.report.content import Drawing, Section
from analysis.report.svg import to_svg
from analysis.tables import Table

if TYPE_CHECKING:
    from markupsafe import Markup


@dataclass(frozen=True)
class Chapter:
    """The sections of one study.

    Attributes:
        name: of the study.
        sections: in order.
    """

    name: str
    sections: tuple[Section, ...]


@dataclass(frozen=True)
class _ShownTable:
    """A table in all its forms."""

    name: str
    caption: str
    notes: tuple[str, ...]
    header: list[str]
    lines: list[list[str]]
    forms: tuple[tuple[str, str, str], ...]  # label, file name, text


def render(title: str, chapters: Sequence[Chapter]) -> str:
    """The page.

    Args:
        title: of the page.
        chapters: one for each study.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("analysis.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"shown": _shown, "svg": _svg, "data": _data, "breakable": _breakable}
    return environment.get_template("page.html").render(title=title, chapters=chapters)


def _breakable(text: str) -> Markup:
    """A heading that may be broken behind dots and underscores, as long paths of settings are."""
    from markupsafe import Markup, escape

    return Markup(re.sub(r"([._])(?=\w)", r"\1<wbr>", str(escape(text))))


def _shown(table: Table) -> _ShownTable:
    header, *lines = printed(table)
    return _ShownTable(table.name, table.caption, table.notes, header, lines, tuple(_forms(table)))


def _forms(table: Table) -> Iterator[tuple[str, str, str]]:
    yield "CSV", f"{table.name}.csv", to_csv(table)
    yield "Markdown", f"{table.name}.md", to_markdown(table) + "\n"
    yield "LaTeX", f"{table.name}.tex", to_latex(table) + "\n"


def _svg(drawing: Drawing, prefix: str) -> str:
    return to_svg(drawing.draw(), f"{prefix}-{drawing.name}")


def _data(content: bytes, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
