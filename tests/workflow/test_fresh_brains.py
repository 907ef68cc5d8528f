"""Studies with fresh brains: what is refused, what is forecast, and what may change on resuming."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError
from studies import SPLITS, prepared_study, write_study

from study.commandline.composition import compose
from study.errors import ConfigError, StudyError
from study.workflow.forecast import forecast
from study.workflow.resuming import check_resumable

STREAM = "cohort.phantom.stream=true"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (
            ["cohort=isles2022", "cohort.isles2022.root=/x", STREAM],
            r"none in cohort.sources \(isles2022\); add phantom",
        ),
        ([STREAM, "cohort.phantom.stream_every=0"], r"cohort.phantom.stream_every: .*at least 1, got 0"),
        (
            [STREAM, "cohort.phantom.stream_processes=0"],
            r"cohort.phantom.stream_processes: .*at least 1, got 0",
        ),
        (["cohort.phantom.stream_every=20"], r"stream_every: it is read with stream=true only"),
        (["cohort.phantom.stream_processes=4"], r"stream_processes: it is read with stream=true only"),
        (
            ["cohort=phantoms_thrombus", STREAM, "lesion.source=model", "lesion.path=/x"],
            r"set lesion.source=file",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused(given: list[str], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        compose(given)


def test_a_training_without_phantoms_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    rows = ["subject,center,DWI,ADC,lesion"]
    for number in range(4):
        files = [tmp_path / f"{number}{role}.nii" for role in ("DWI", "ADC", "lesion")]
        for file in files:
            file.write_text(file.name)
        rows.append(",".join([f"real{number}", "Lyon", *map(str, files)]))
    (tmp_path / "real.csv").write_text("\n".join(rows))
    given = ["cohort.sources=[phantom, manifest]", f"cohort.path={tmp_path / 'real.csv'}", STREAM]
    assert "fresh brains" in forecast(compose(given))
    with pytest.raises(
        ConfigError, match="none of the training subjects is one; learn from a simulated center"
    ):
        forecast(compose([*given, "cohort.seen=[Lyon]"]))


def test_the_forecast_tells_the_number_and_its_cost() -> None:
    given = [
        "trainer.epochs=10",
        "trainer.iterations_per_epoch=100",
        STREAM,
        "cohort.phantom.stream_every=30",
    ]
    said = forecast(compose(given))
    # Places are taken at iterations 30, 60, … 990 of 1000. 3.4e6 mm³ / (5 · 3.5 · 3.5 mm³) · 13 bytes · 33 brains.
    assert "at most 33 fresh brains, one every 30 iterations (cohort.phantom.stream_every)" in said
    assert "about 1 s of a core each (assumed), 0.01 core-hours in all; about 0.024 GB in the cache" in said
    assert "cohort.phantom.stream_processes=2 make them; a training that is faster waits, and says so" in said
    assert "fresh" not in forecast(compose(given[:2]))


def test_a_stage_before_shows_brains_as_well() -> None:
    given = [
        "model=urn",
        "trainer.epochs=2",
        "trainer.iterations_per_epoch=10",
        "model.unified.pretraining_epochs=5",
    ]
    assert "at most 4 fresh brains" in forecast(compose([*given, STREAM]))


def test_only_training_subjects_have_places() -> None:
    assert prepared_study(slots={"CHSF-0004": "sub-CHSF0004"}).slots
    for key in (SPLITS.validation[0], SPLITS.test[0], SPLITS.unseen[0]):
        with pytest.raises(ValidationError, match=f"slots: {key} is no training subject"):
            prepared_study(slots={key: "sub-CHSF0005"})


def test_the_number_of_processes_may_change_on_resuming_and_nothing_else_of_it(tmp_path: Path) -> None:
    given = [STREAM, f"study.root={tmp_path}"]
    config = compose(given)
    folder = write_study(config, prepared_study())
    check_resumable(compose([*given, "cohort.phantom.stream_processes=5", "resume=true"]), folder)
    with pytest.raises(StudyError, match=r"cohort.phantom.stream_every: the study has 10, now 20"):
        check_resumable(compose([*given, "cohort.phantom.stream_every=20", "resume=true"]), folder)
    with pytest.raises(StudyError, match=r"cohort.phantom.stream: the study has True, now False"):
        check_resumable(compose([f"study.root={tmp_path}", "resume=true"]), folder)
