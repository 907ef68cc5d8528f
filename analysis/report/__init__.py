"""The report of a study: one HTML page that opens offline, with its tables and figures to take along.

`view` reads a study, each of `sections` makes one part of the page, `page` renders them.
"""

from __future__ import annotations

from analysis.report.report import FILE, report_page, write_report

__all__ = ["FILE", "report_page", "write_report"]
