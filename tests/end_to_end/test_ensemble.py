"""A real study whose best trials are averaged, on tiny scans."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from study.deployment.predictor import load_bundle
from study.errors import ConfigError, StudyError
from study.evaluation.metrics import dice
from study.evaluation.postprocessing import postprocess
from study.evaluation.rows import ENSEMBLE
from study.evaluation.steps import StepContext
from study.machine.runtime import Runtime
from study.records import StudyFolder
from study.records.following import StatusReader
from study.workflow import ensembling
from study.workflow.ensembling import make_ensemble
from study.workflow.export import export_bundle
from study.workflow.networks import load_network
from study.workflow.opening import open_study
from study.workflow.report import final_report

pytestmark = pytest.mark.slow
MEMBERS = {0: 2, 1: 1}  # the best trial twice, the second one once


def run(arguments: list[str]) -> str:
    command = [sys.executable, "-m", "study.run", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=300).stdout


def averaged(folder: StudyFolder, key: str, removed: str) -> np.ndarray:
    """The mean of the members' probabilities on the reference's grid, network by network."""
    total: np.ndarray = np.float32(0)
    for place, count in MEMBERS.items():
        trial = folder.trial(folder.ensemble.result.read().candidates[place])
        config = folder.trial_config(trial)
        data = open_study(folder, config)
        judge = data.judge(Runtime.choose("cpu", "fp32"))
        for one in judge.predictions(load_network(config, data.plan, trial), data.of([key])):
            if one.availability.removed_text == removed:
                total = total + count / 3 * one.prepared.to_native(one.probability)
    return total


def test_the_ensemble_is_judged_and_exported_like_a_trial(
    hospitals: list[dict[str, str]],
    arguments: Callable[..., list[str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    more = ("study.name=mean", "study.trials=3", "tuning.scheduler=none", "tracking.enabled=false")
    splits = ("cohort.splits.validation=0.5", "trainer.device=cpu", "trainer.precision=fp32")
    given = arguments(hospitals, *more, *splits)
    run(given)
    folder = StudyFolder(tmp_path / "studies", "mean")
    assert not folder.ensemble.path.exists()
    with pytest.raises(StudyError, match=r"ensemble: .* has none; ensemble\.members=5 resume=true"):
        export_bundle(folder, tmp_path / "none", ensemble=True)

    told = run([*given, "resume=true", "ensemble.members=3"])
    assert "ensemble: choosing among 3 trials" in told
    assert folder.ensemble.result.exists
    assert "ensemble: choosing" not in run([*given, "resume=true", "ensemble.members=3"])  # it is there

    config = folder.config.read().with_values({"ensemble.members": 4})
    monkeypatch.setattr(ensembling, "select_members", lambda *asked: MEMBERS)
    make_ensemble(config, folder, lambda text: None)
    result, rows = folder.ensemble.result.read(), folder.ensemble.rows.read()
    assert [(member.trial, member.count) for member in result.members] == [
        (result.candidates[0], 2),
        (result.candidates[1], 1),
    ]
    assert set(rows["trial"]) == {ENSEMBLE}
    winner = folder.trial(result.winner).rows.read()
    keys = ["split", "center", "seen", "subject", "subset", "removed"]
    pd.testing.assert_frame_equal(rows[keys], winner[keys])
    data = open_study(folder, config)
    chain = folder.ensemble.fits.chains.full
    for row in rows[rows["seen"]].to_dict("records"):
        prepared = data.subjects[row["subject"]]
        context = StepContext(prepared.native.spacing_mm, prepared.lesion)
        mask = postprocess(averaged(folder, row["subject"], row["removed"]), chain, context)
        assert row["dice"] == pytest.approx(dice(prepared.native_target, mask, "one"))

    files = {path.name: path.read_bytes() for path in folder.ensemble.path.iterdir()}
    folder.ensemble.result.path.unlink()  # as after a kill
    make_ensemble(config, folder, lambda text: None)
    for name in ("postprocessing.json", "rows.parquet"):
        assert (folder.ensemble.path / name).read_bytes() == files[name]

    status = StatusReader(folder).read().ensemble
    assert status is not None
    assert (status.trials, status.objective) == (tuple(m.trial for m in result.members), result.value)
    said = final_report(config, folder)
    assert f"Ensemble of trials {result.trials}: objective {result.value:.3f}" in said
    assert "The ensemble against the winner" in said

    name = export_bundle(folder, tmp_path / "bundle.zip", ensemble=True)
    assert name == f"ensemble of trials {result.candidates[0]} and {result.candidates[1]}"
    row = rows[rows["seen"] & (rows["removed"] == "")].iloc[0]
    subject = next(one for one in hospitals if _is(folder, one["subject"], row["subject"]))
    prediction = load_bundle(tmp_path / "bundle.zip", "cpu").predict(
        {modality: subject[modality] for modality in ("DWI", "ADC", "B0")}
    )
    np.testing.assert_allclose(prediction.probability, averaged(folder, row["subject"], ""), atol=1e-5)
    with pytest.raises(ConfigError, match="ensemble: it is no single trial"):
        export_bundle(folder, tmp_path / "both", 0, ensemble=True)
    assert export_bundle(folder, tmp_path / "one", result.winner) == f"trial {result.winner}"


def _is(folder: StudyFolder, name: str, key: str) -> bool:
    """Whether a subject of the table has this pseudonym."""
    table = pd.read_csv(folder.subjects.path, dtype=str)
    return table.set_index("key")["id"][key] == name
