"""What the studies of a series are, by its file and by what the user gives for all of them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest

from study.commandline.command import Settings
from study.commandline.composition import read_settings
from study.commandline.series import find_series, series_choices, settings_of_parts
from study.config import Config
from study.errors import ConfigError
from study.workflow.series import compose_series

SMALL = ("cohort.phantom.subjects_per_center=4",)


def written(folder: Path, text: str) -> Path:
    """A folder of the user's own with a series called `mine`."""
    (folder / "series").mkdir()
    (folder / "series" / "mine.yaml").write_text(text)
    return folder


def composed(name: str, *given: str, directories: Sequence[Path] = ()) -> dict[str, Config]:
    settings = read_settings((*SMALL, *given))._replace(directories=directories)
    return compose_series(find_series(name, directories), name, settings)


@pytest.mark.parametrize("name", sorted(series_choices()))
def test_every_series_of_ours_composes(name: str) -> None:
    for part, config in composed(name).items():
        assert config.study.name == f"{name}-{part}"


def test_each_center_is_left_out_once_except_those_without_masks() -> None:
    studies = composed("leave_one_center_out", "study.name=loco", "trainer.epochs=3")
    unseen = {part: config.cohort.unseen for part, config in studies.items()}
    assert unseen == {name: (name,) for name in ("CHSF", "ISLES", "JHU", "MATAR", "MATAR2")}
    assert {config.trainer.epochs for config in studies.values()} == {3}
    assert studies["JHU"].study.name == "loco-JHU"


def test_centers_are_added_one_by_one_each_keeping_those_before() -> None:
    studies = composed("center_count")
    seen = [config.cohort.seen for config in studies.values()]
    assert [len(names or ()) for names in seen] == [1, 2, 3, 4]
    for fewer, more in pairwise(seen):
        assert fewer is not None
        assert (more or ())[: len(fewer)] == fewer
    assert {config.cohort.unseen for config in studies.values()} == {("ISLES",)}


def test_a_later_study_may_start_from_an_earlier_one() -> None:
    studies = composed("thrombus_transfer", "study.root=elsewhere")
    assert studies["transferred"].transfer.source == Path("elsewhere/thrombus_transfer-full").absolute()
    assert studies["full"].transfer.source is None


def test_what_the_series_sets_for_each_study_cannot_be_given_for_all() -> None:
    with pytest.raises(
        ConfigError, match=r"cohort\.unseen: the series sets it for each of its studies; leave it out"
    ):
        composed("leave_one_center_out", "cohort.unseen=[JHU]")


def test_mistakes_of_all_studies_are_listed_with_their_names(tmp_path: Path) -> None:
    text = "studies: {one: [trainer.epochs=0], two: [trainer.batch_size=0]}"
    with pytest.raises(ConfigError) as caught:
        composed("mine", directories=[written(tmp_path, text)])
    first, second = caught.value.problems
    assert first.startswith("one: trainer.epochs")
    assert second.startswith("two: trainer.batch_size")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("arguments: [a=1]", "studies, each_center, growing: give one of them"),
        ("{studies: {a: []}, each_center: [b=1]}", "give one of them"),
        ("{studys: [a], studies: {a: []}}", "studys: .*did you mean studies"),
        ("[1, 2]", "must hold keys and values"),
    ],
)
def test_files_that_are_no_series_are_refused(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=f"mine.yaml: .*{complaint}"):
        find_series("mine", [written(tmp_path, text)])


def test_a_misspelt_name_is_answered_with_the_nearest_one() -> None:
    with pytest.raises(ConfigError, match="did you mean leave_one_center_out"):
        find_series("leave_one_center")


def test_the_user_prevails_over_what_all_studies_share(tmp_path: Path) -> None:
    series = find_series(
        "mine", [written(tmp_path, "{arguments: [study.trials=5], studies: {a: [], b: []}}")]
    )
    parts = settings_of_parts(series, series.studies, Settings({"study.trials": "7"}))
    assert [settings.pairs["study.trials"] for settings in parts.values()] == ["7", "7"]
