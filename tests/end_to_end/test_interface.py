"""What a notebook does: train, look, evaluate, export, predict."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

import study

Rows = list[dict[str, str]]
Arguments = Callable[..., list[str]]


@pytest.fixture
def trained(hospitals: Rows, arguments: Arguments) -> study.LoadedStudy:
    return study.train_once(*arguments(hospitals), say=lambda text: None)


def test_every_public_name_can_be_imported_and_is_documented() -> None:
    assert len(study.__all__) > 5
    for name in study.__all__:
        assert getattr(study, name).__doc__, name
    with pytest.raises(AttributeError, match="no attribute 'run_studies'"):
        study.run_studies  # noqa: B018


def test_importing_the_package_imports_nothing_heavy() -> None:
    asked = "import sys, study; print([name for name in ('torch', 'ray', 'mlflow', 'pydantic') if name in sys.modules])"
    said = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"


def test_a_finished_study_tells_its_trials_curves_rows_and_table(trained: study.LoadedStudy) -> None:
    loaded = study.load_study(trained.folder.path)
    assert (loaded.name, loaded.winner) == ("train", 0)
    assert loaded.trials()["state"].to_dict() == {0: "complete"}
    assert list(loaded.curves().index) == [1, 2, 3, 4]
    assert {"train_loss", "fade", "objective"} <= set(loaded.curves().columns)
    pd.testing.assert_frame_equal(loaded.rows(), loaded.rows(0))
    assert set(loaded.table()["center"]) == {"North", "South", "Abroad"}


def test_evaluating_again_gives_the_rows_again(trained: study.LoadedStudy) -> None:
    pd.testing.assert_frame_equal(trained.evaluate(), trained.rows())
    assert set(trained.evaluate(subsets="all")["subset"]) > set(trained.rows()["subset"])


def test_a_bundle_is_exported_loaded_and_predicts_from_paths_as_text(
    trained: study.LoadedStudy, hospitals: Rows, tmp_path: Path
) -> None:
    bundle = study.load_bundle(trained.export(tmp_path / "bundle.zip"))
    row = hospitals[0]
    prediction = bundle.predict({"DWI": row["DWI"], "ADC": row["ADC"]})
    prediction.write(str(tmp_path / "mask.nii.gz"))
    written = np.asarray(nib.load(tmp_path / "mask.nii.gz").dataobj)
    assert written.shape == nib.load(row["DWI"]).shape
    assert prediction.absent == ("B0",)


def test_what_is_not_there_is_named(trained: study.LoadedStudy) -> None:
    with pytest.raises(study.FadeoutError, match=r"no study 'other'.*there: train"):
        study.load_study(trained.folder.path.with_name("other"))
    with pytest.raises(study.FadeoutError, match="there is no trial 7; there are 0"):
        trained.curves(7)
    with pytest.raises(study.FadeoutError, match=r"trainer\.epoch: no such key"):
        study.compose("trainer.epoch=3")


@pytest.mark.slow
def test_a_study_is_searched_from_python(hospitals: Rows, arguments: Arguments) -> None:
    said: list[str] = []
    more = ["study.trials=2", "tracking.enabled=false"]
    loaded = study.run_study(*arguments(hospitals, *more), say=said.append)
    assert any("Winner: trial" in text for text in said)
    trials = loaded.trials()
    assert list(trials.index) == [0, 1]
    assert "modality_dropout.drop_probability" in trials.columns
