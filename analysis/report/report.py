"""Writes the report of one or several studies."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from analysis.report.page import Chapter, render
from analysis.report.sections import SECTIONS
from analysis.report.side_by_side import side_by_side
from analysis.report.view import StudyView
from analysis.report.words import listed
from study.records import StudyFolder


def report_page(folders: Sequence[StudyFolder]) -> str:
    """The page of some studies as they are now, each with the sections that it has something for.

    Raises:
        StudyError: a file of a study is damaged.
    """
    views = [StudyView(folder) for folder in folders]
    chapters = [
        Chapter(view.name, tuple(section for make in SECTIONS if (section := make(view)) is not None))
        for view in views
    ]
    if (together := side_by_side(views)) is not None:
        chapters.insert(0, Chapter("Side by side", (together,)))
    return render(listed([view.name for view in views]), chapters)


def write_report(folder: StudyFolder) -> Path:
    """Write the report of one study to its folder; returns the file.

    Raises:
        StudyError: a file of the study is damaged.
        OSError: the page cannot be written.
    """
    folder.report.write(report_page([folder]).encode())
    return folder.report.path
