"""After `study.postprocess apply=true`, everything that post-processes uses the fit in force."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from builders import availability, result_row
from kept_study import call, found, kept_study
from studies import chains, fit, prepared_study

from study.cohort import Splits
from study.commandline.progress import Lines
from study.evaluation.chains import Chains
from study.records import StudyFolder
from study.tracking.history import History
from study.tracking.records import trial_record
from study.workflow import evaluating
from study.workflow.export import trial_contents
from study.workflow.networks import build_network, plan_prepared
from study.workflow.report import final_report, summarise

STALE = 0.43217  # the threshold of the trial's own fit, found nowhere else


@pytest.fixture
def folder(tmp_path: Path) -> StudyFolder:
    """A study whose winner was searched again and is post-processed with what was found."""
    folder = kept_study(tmp_path)
    folder.prepared.write(prepared_study())
    trial = folder.trial(0)
    trial.rows.write([result_row(subset="DWI+B0")])
    trial.fits.own.write(fit(fitted=chains(STALE)))
    assert trial.fits.chains.full.threshold == STALE
    call(folder, "apply=true")
    assert trial.fits.chains == found(folder).best != chains(STALE)
    return folder


def test_the_old_chain_stands_only_in_the_fit_that_is_not_in_force(folder: StudyFolder) -> None:
    folder.summary.write(summarise(folder.config.read(), folder))
    History(folder).update()
    files = {
        path.relative_to(folder.path): path.read_bytes() for path in folder.path.rglob("*") if path.is_file()
    }
    names = {path.name for path in files}
    assert names >= {"config.json", "summary.json", "tracking.json", "result.json", "postprocessing-1.json"}
    stale = [str(path) for path, content in files.items() if str(STALE).encode() in content]
    assert stale == ["trials/0000/postprocessing.json"]


def test_bundle_and_card_hold_the_chain_in_force(folder: StudyFolder) -> None:
    trial = folder.trial(0)
    config = folder.trial_config(trial)
    network = build_network(config, plan_prepared(config, folder.prepared.read()))
    trial.weights.save(network.state_dict())
    contents = trial_contents(folder)
    assert contents.manifest.postprocessing == folder.trial(0).fits.chains
    words = [line for lines in folder.trial(0).fits.chains.in_words().values() for line in lines]
    assert words
    for line in words:
        assert line in contents.card
    assert "at least 0.432 " not in contents.card


def test_the_report_tells_the_chain_in_force(folder: StudyFolder) -> None:
    said = final_report(folder.config.read(), folder)
    words = [line for lines in folder.trial(0).fits.chains.in_words().values() for line in lines]
    assert words
    for line in words:
        assert line in said
    assert "at least 0.432 " not in said


def test_tracking_is_sent_the_chain_in_force(folder: StudyFolder) -> None:
    history = History(folder)
    history.update()
    record = trial_record(folder.config.read(), folder, 0, history.of(0), running=False, name="trial")
    sent = [point.value for point in record.points if point.key == "postprocessing/threshold"]
    assert sent == [folder.trial(0).fits.chains.full.threshold]
    assert STALE not in [point.value for point in record.points]


def test_an_evaluation_uses_the_chain_in_force(folder: StudyFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    used: list[Chains] = []
    subject = SimpleNamespace(facts=SimpleNamespace(center="A"), to_native=lambda probability: probability)

    class Judge:
        def predictions(self, network: Any, subjects: list[Any]) -> Any:
            return [(one, availability("DWI+B0"), np.zeros((1, 2, 2), np.float32)) for one in subjects]

        def row(self, *values: Any) -> Any:
            used.append(values[-1])
            return result_row()

    splits = Splits((), (), ("A-0000",), ())
    data = SimpleNamespace(
        splits=splits, plan=None, of=lambda keys: [subject for _ in keys], judge=lambda runtime: Judge()
    )
    monkeypatch.setattr(evaluating, "open_study", lambda *_: data)
    monkeypatch.setattr(evaluating, "load_network", lambda *_: SimpleNamespace(to=lambda device: None))
    evaluating.evaluate_trial(folder, 0, Lines(lambda line: None))
    assert used == [folder.trial(0).fits.chains]
