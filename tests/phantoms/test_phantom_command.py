"""Scans for those who have none: a folder as hospitals might send it, and the table that lists them."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from study.cohort.load import load_cohort
from study.commandline.composition import compose
from study.errors import ConfigError
from study.phantoms.__main__ import main

TWO = ["cohort.phantom.centers=[CHSF,ISLES]", "cohort.phantom.subjects_per_center=1"]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("phantoms") / "scans"
    main(["write", f"out={folder}", *TWO])
    return folder


def test_the_table_lists_every_file_and_leaves_absent_ones_empty(written: Path) -> None:
    table = pd.read_csv(written / "scans.csv", keep_default_na=False).set_index("subject")
    assert list(table.center) == ["CHSF", "ISLES"]
    files = [
        name for column in table if column.isupper() or "mask" in column for name in table[column] if name
    ]
    assert len(files) > 5
    assert [name for name in files if not (written / name).is_file()] == []
    assert table.loc["ISLES0001", "B0"] == ""
    assert table.loc["CHSF0001", "occlusion"] == "proximal"


@pytest.mark.parametrize(
    "layout",
    [["cohort=manifest", "cohort.path={}/scans.csv"], ["cohort=bids", "cohort.bids.root={}"]],
    ids=["manifest", "bids"],
)
def test_either_reader_finds_the_same_scans(written: Path, layout: list[str]) -> None:
    config = compose([argument.format(written) for argument in layout])
    cohort = load_cohort(config.cohort, config.phantom_root)
    assert [(one.patient, one.center, set(one.masks)) for one in cohort.subjects] == [
        ("CHSF0001", "CHSF", {"lesion", "thrombus", "brain"}),
        ("ISLES0001", "ISLES", {"lesion", "brain"}),
    ]
    assert "B0" in cohort.subjects[0].images
    assert "B0" not in cohort.subjects[1].images


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ([], "-m study.phantoms write key=value"),
        (["write"], "out: required and not given"),
        (
            ["write", "out=scans", "trainer.epochs=3"],
            "trainer.epochs: study.phantoms write does not take it",
        ),
        (["write", "out=scans", "cohort.phantom.centers=[Lyon]"], "CHSF"),
    ],
)
def test_a_mistake_is_answered_before_anything_is_written(
    arguments: list[str], problem: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError) as caught:
        main(arguments)
    assert problem in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_exists_is_left_alone(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="exists already; choose a new folder"):
        main(["write", f"out={tmp_path}"])


def test_fresh_brains_are_no_scans_to_write(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="fresh brains belong to trainings"):
        main(["write", f"out={tmp_path / 'scans'}", *TWO, "cohort.phantom.stream=true"])
    assert not (tmp_path / "scans").exists()
