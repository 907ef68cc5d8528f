"""The page of a report: it fetches nothing, escapes what others wrote, and holds each table in all forms."""

from __future__ import annotations

import csv
import io
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from studies import complete, prepared_study, write_study, write_trial

from analysis.estimates import Estimate, Interval
from analysis.rendering import to_csv, to_latex, to_markdown
from analysis.report.__main__ import main
from analysis.report.content import Point, Section
from analysis.report.page import Chapter, render
from analysis.report.report import write_report
from analysis.tables import Column, Table
from benchmarks.many_rows import Size, make_study
from study.commandline.composition import compose
from study.errors import ConfigError, StudyError
from study.records import StudyFolder

TABLE = Table(
    "dice",
    "Dice of <b>center</b> & co.",
    (Column("center", "center"), Column("n", "n", "count"), Column("dice", "Dice", "estimate")),
    (("A | <script>alert(1)</script>", 5, Estimate(0.5, 5, Interval(0.25, 0.75))),),
)
ORDER = [
    "Question and answer",
    "Center by center",
    "All metrics",
    "What mattered",
    "All modalities against missing ones",
    "Training",
    "By size, center and subset",
    "Agreement of volumes",
    "Best, median and worst subjects",
    "Failures",
    "Who chose what",
    "Draft of the methods",
]


class Page(HTMLParser):
    """What a browser makes of a page: elements with their attributes, and the text of some."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self._open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._open.append(tag)
        self.texts.setdefault(tag, []).append("")

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if self._open:
            self.texts[self._open[-1]][-1] += data


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> StudyFolder:
    return make_study(tmp_path_factory.mktemp("studies"), Size(trials=12, centers=3, subjects=6))


@pytest.fixture(scope="module")
def page(folder: StudyFolder) -> str:
    return write_report(folder).read_text(encoding="utf-8")


def test_the_page_fetches_nothing(page: str) -> None:
    for tag, attributes in Page(page).elements:
        assert tag not in ("link", "iframe", "object", "embed", "base", "form")
        for name in ("src", "href", "xlink:href", "srcset", "action", "data", "poster"):
            target = attributes.get(name) or "#"
            assert target.startswith(("#", "data:")), (tag, name, target[:80])
    assert "@import" not in page
    assert all(target == "#" for target in re.findall(r"url\((.)", page))
    assert "default-src 'none'" in page


def test_sections_stand_in_their_order(page: str) -> None:
    assert Page(page).texts["h2"] == ORDER


def test_names_within_figures_are_their_own(page: str) -> None:
    referred = re.findall(r'(?:xlink:href="|url\()#([\w-]+)', page)
    assert len(referred) > 100
    defined = [attributes["id"] for _, attributes in Page(page).elements if "id" in attributes]
    assert all(defined.count(name) == 1 for name in set(referred))


def test_a_page_is_the_same_each_time(folder: StudyFolder, page: str) -> None:
    assert write_report(folder).read_text(encoding="utf-8") == page


def test_text_of_others_is_text() -> None:
    section = Section("one", "<i>", ("<script>",), (Point("<img src=x>", "&"),), tables=(TABLE,))
    drawn = Page(render("<title>", [Chapter("</h1>", (section,))]))
    assert [tag for tag, _ in drawn.elements].count("script") == 1
    assert not {"i", "b", "img"} & {tag for tag, _ in drawn.elements}
    assert drawn.texts["h1"] == ["</h1>"]


def test_each_table_is_there_as_csv_markdown_and_latex() -> None:
    drawn = Page(render("t", [Chapter("s", (Section("one", "One", tables=(TABLE,)),))]))
    assert drawn.texts["pre"] == [to_csv(TABLE), to_markdown(TABLE) + "\n", to_latex(TABLE) + "\n"]
    (line,) = list(csv.DictReader(io.StringIO(drawn.texts["pre"][0])))
    assert line["dice_high"] == "0.75"
    files = [attributes.get("data-save") for tag, attributes in drawn.elements if tag == "button"]
    assert files == ["dice.csv", "dice.md", "dice.tex"]


def test_the_command_writes_the_page_of_a_study(
    folder: StudyFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["study.name=many", f"study.root={folder.path.parent}", f"out={tmp_path / 'page.html'}"])
    assert "<h1" in (tmp_path / "page.html").read_text()
    assert capsys.readouterr().out.startswith(str(tmp_path / "page.html"))


def test_a_study_that_runs_has_a_report(folder: StudyFolder, tmp_path: Path) -> None:
    folder.scratch.mkdir()
    (folder.scratch / "latest").symlink_to("session")  # files of a search come and go
    with folder.driven():
        main(["study.name=many", f"study.root={folder.path.parent}", f"out={tmp_path / 'page.html'}"])
    (folder.scratch / "latest").unlink()
    folder.scratch.rmdir()
    assert (tmp_path / "page.html").exists()


def test_several_studies_are_chapters_of_one_page(folder: StudyFolder, tmp_path: Path) -> None:
    other = make_study(tmp_path, Size(trials=1, centers=2, subjects=5), "other")
    assert other.path.rename(folder.path.parent / "other")
    main(["study.name=[many, other]", f"study.root={folder.path.parent}", f"out={tmp_path / 'page.html'}"])
    drawn = Page((tmp_path / "page.html").read_text())
    assert drawn.texts["h1"] == ["Side by side", "many", "other"]


def test_a_study_that_computes_what_is_missing_is_what_others_are_compared_with(
    folder: StudyFolder, tmp_path: Path
) -> None:
    other = make_study(tmp_path, Size(trials=1, centers=2, subjects=5), "computed")
    other.config.write(other.config.read().with_values({"imputation.kind": "physics"}))
    assert other.path.rename(folder.path.parent / "computed")
    main(["study.name=[many, computed]", f"study.root={folder.path.parent}", f"out={tmp_path / 'page.html'}"])
    page = (tmp_path / "page.html").read_text()
    assert "computed computes images that are not given from others" in page
    assert "Each system against computed, on the same test subjects" in page


def test_an_mlflow_experiment_names_the_studies_that_were_logged_in_it(tmp_path: Path) -> None:
    root, page = tmp_path / "studies", tmp_path / "page.html"
    logged = {"a": "strokes", "b": "strokes", "c": "thrombi", "d": "strokes"}
    for name, experiment in logged.items():
        of_study = [f"study.name={name}", f"study.root={root}", f"tracking.experiment={experiment}"]
        config = compose(["search_space=gradual", *of_study, f"tracking.enabled={name != 'd'}"])
        write_trial(write_study(config, prepared_study()), complete(0, 0.5))
    main(["tracking.experiment=strokes", f"study.root={root}", f"out={page}"])
    assert Page(page.read_text()).texts["h1"] == ["Side by side", "a", "b"]
    main(["tracking.experiment=thrombi", f"study.root={root}"])
    assert Page((root / "c" / "report.html").read_text()).texts["h1"] == ["c"]
    with pytest.raises(StudyError, match=r"no study in .* was logged in 'stroke'; did you mean strokes\?"):
        main(["tracking.experiment=stroke", f"study.root={root}"])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "study.name: give it, or tracking.experiment"),
        (
            ["study.name=a", "tracking.experiment=b"],
            "study.name: give it, or tracking.experiment, and not both",
        ),
        (["nam=x"], "nam: no such key"),
        (["study.name=[a, b]"], "out: say where"),
    ],
)
def test_a_mistake_is_told(arguments: list[str], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        main(arguments)


def test_a_study_that_does_not_exist_is_told(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="no study 'x'"):
        main(["study.name=x", f"study.root={tmp_path}"])
