"""One fresh brain: what is in the cache is what the same files of a cohort would give; nothing is made twice."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from study.cohort.load import settled
from study.cohort.phantoms import phantom_entry
from study.cohort.records import SubjectFacts
from study.config import Config, validate
from study.errors import StudyError
from study.imaging.entries import EntryRecipe
from study.imaging.prepare import prepare_subject
from study.imaging.prepared import Prepared
from study.imaging.stored import open_prepared
from study.machine.temporary import PREFIX
from study.phantoms.roster import phantom_roster
from study.phantoms.write import write_subject
from study.streaming.making import BrainRecipe, make_brain
from study.streaming.turns import FreshBrain
from study.workflow.protocol import imaging_protocol

SPACING_MM = (6.0, 4.0, 4.0)
BRAIN = FreshBrain("CHSF-0002", "sub-CHSF0002", 3)


def config_of(**cohort: Any) -> Config:
    phantom = {"stream": True, "dirt": {"step_mm": 2.5}, **cohort.pop("phantom", {})}
    content = {"study": {"name": "test"}, "cohort": {"phantom": phantom, **cohort}}
    return validate({**content, "modality_dropout": {"droppable": ["ADC"]}})


def recipe_of(config: Config, cache: Path, spacing_mm: tuple[float, ...] = SPACING_MM) -> BrainRecipe:
    entries = EntryRecipe(cache, imaging_protocol(config), spacing_mm, {}, None)
    return BrainRecipe.of(config.cohort, entries)


def made(recipe: BrainRecipe, brain: FreshBrain) -> Prepared:
    assert make_brain(recipe, brain)
    return open_prepared(recipe.entry(brain), SubjectFacts(brain.own_key))


def by_hand(config: Config, brain: FreshBrain, folder: Path) -> Prepared:
    """The phantom with all its files, prepared as a subject of a cohort on disk."""
    roster = {one.id: one for one in phantom_roster(config.cohort.phantom)}
    phantom = replace(roster[brain.phantom], generation=brain.generation)
    folder.mkdir()
    write_subject(phantom, config.cohort.phantom, folder)
    subject = settled(phantom_entry(phantom, folder), config.cohort).with_key("any")
    return prepare_subject(subject, imaging_protocol(config), SPACING_MM)


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The system's place for temporary files."""
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(place))
    return place


@pytest.mark.parametrize(
    ("brain", "cohort"),
    [
        (BRAIN, {"modalities": ["DWI", "ADC", "B0"]}),
        (
            FreshBrain("JHU-0003", "sub-JHU0003", 1),
            {"modalities": ["DWI", "ADC", "SWAN"], "modality_aliases": {"SWAN": ["SWI"]}},
        ),
    ],
    ids=["without SWAN", "SWI in its place"],
)
def test_a_brain_is_prepared_as_its_files_would_be(
    tmp_path: Path, temporary: Path, brain: FreshBrain, cohort: dict[str, Any]
) -> None:
    config = config_of(**cohort)
    recipe = recipe_of(config, tmp_path / "cache")
    found, expected = made(recipe, brain), by_hand(config, brain, tmp_path / "files")
    assert found.present == expected.present == (True, True, True)
    for name in ("image", "target", "native_target", "foreground"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
    assert found.target is not None
    assert found.target.any()
    assert not make_brain(recipe, brain)
    assert not list(temporary.glob(f"{PREFIX}*"))
    assert [path.name for path in (tmp_path / "cache").glob("*/*")] == [recipe.entry(brain).name]


def test_whatever_changes_a_brain_changes_its_address(tmp_path: Path) -> None:
    plain = recipe_of(config_of(), tmp_path)
    addresses = [
        plain.entry(BRAIN),
        plain.entry(replace(BRAIN, generation=4)),
        plain.entry(replace(BRAIN, phantom="sub-CHSF0003")),
        recipe_of(config_of(phantom={"seed": 1}), tmp_path).entry(BRAIN),
        recipe_of(config_of(phantom={"dirt": {"step_mm": 2.4}}), tmp_path).entry(BRAIN),
        recipe_of(config_of(modality_aliases={"ADC": ["SWI"]}), tmp_path).entry(BRAIN),
        recipe_of(config_of(target="thrombus"), tmp_path).entry(BRAIN),
        recipe_of(config_of(), tmp_path, (6.0, 4.0, 4.1)).entry(BRAIN),
    ]
    assert len(set(addresses)) == len(addresses)


def test_what_changes_no_brain_changes_no_address(tmp_path: Path) -> None:
    plain = recipe_of(config_of(), tmp_path).entry(BRAIN)
    others = {"stream_every": 3, "stream_processes": 1, "root": str(tmp_path / "elsewhere")}
    assert recipe_of(config_of(phantom=others), tmp_path).entry(BRAIN) == plain
    assert recipe_of(config_of(), tmp_path).entry(replace(BRAIN, key="pseudonym")) == plain


def test_a_phantom_that_the_roster_lacks_is_told(tmp_path: Path) -> None:
    recipe = recipe_of(config_of(), tmp_path)
    with pytest.raises(StudyError, match=r"prepared.json: sub-CHSF0999 is none of the phantoms"):
        make_brain(recipe, replace(BRAIN, phantom="sub-CHSF0999"))
    assert not list(tmp_path.glob("*/[!.]*"))
