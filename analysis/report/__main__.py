"""`python -m analysis.report study.name=…`: the report of a study as one HTML page, also while the study runs."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from study.commandline import parse_pairs, run_command, say, usage
from study.errors import ConfigError
from study.machine.files import atomic
from study.records import StudyFolder

KEYS = {
    "study.name": "the study; required. Several, joined by commas, become chapters of one page",
    "study.root": "folder that holds the studies (default: studies)",
    "out": "path of the page (default: report.html in the study's folder; required for several studies)",
    "debug": "true: print the traceback of an error",
}
PURPOSE = (
    "Write a study's report as one HTML page that opens offline: its question and answer, tables as CSV, Markdown and\n"
    "LaTeX, figures as SVG, pictures of subjects, and a draft of the methods. It may be written while the study runs."
)


def main(arguments: Sequence[str]) -> None:
    """Write the page; see `--help`."""
    if {"-h", "--help"} & set(arguments):
        say(usage("analysis.report", PURPOSE, KEYS))
        return
    from analysis.report.report import report_page, write_report

    pairs = parse_pairs(arguments, KEYS)
    names = [name for name in pairs.get("study.name", "").split(",") if name]
    if not names:
        raise ConfigError(["study.name: required and not given"])
    if len(names) > 1 and "out" not in pairs:
        raise ConfigError(["out: say where the page of several studies is written: out=page.html"])
    root = pairs.get("study.root", "studies")
    with ExitStack() as opened:
        folders = [opened.enter_context(StudyFolder.opened(root, name)) for name in names]
        if "out" in pairs:
            out = Path(pairs["out"])
            with atomic(out) as temporary:
                temporary.write_text(report_page(folders), encoding="utf-8")
        else:
            out = write_report(folders[0])
    say(f"{out}: {out.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    run_command(main)
