"""What cannot succeed is found before scans are read."""

from __future__ import annotations

import shutil
from collections import namedtuple
from pathlib import Path
from typing import Any

import pytest

from study.commandline.composition import compose
from study.commandline.progress import Lines
from study.errors import ConfigError
from study.records import StudyFolder
from study.workflow import feasible
from study.workflow.feasible import check_feasible, crowd_doubts, obstacles
from study.workflow.forecast import forecast
from study.workflow.networks import plan_network
from study.workflow.preparation import prepare_study
from study.workflow.study import run_study, train_once

Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def reads_no_scan(monkeypatch: pytest.MonkeyPatch) -> None:
    def read(*arguments: Any, **named: Any) -> None:
        raise AssertionError("scans are read")

    monkeypatch.setattr("study.workflow.preparation.load_cohort", read)


def found(root: Path, *arguments: str) -> list[str]:
    return obstacles(compose([f"study.root={root}", *arguments]))


def test_the_default_study_can_run(tmp_path: Path) -> None:
    assert found(tmp_path / "not" / "there" / "yet") == []
    assert list(tmp_path.iterdir()) == []


def test_folders_that_cannot_be_written_are_named(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    assert found(file / "studies") == [
        f"study.root: {file / 'studies'} cannot be written ({file}: Not a directory); choose another folder"
    ]
    (line,) = found(tmp_path, f"imaging.cache={file / 'cache'}")
    assert line.startswith(f"imaging.cache: {file / 'cache'} cannot be written")
    (line,) = found(tmp_path, f"cohort.phantom.root={file}")
    assert line.startswith("cohort.phantom.root: ")


def test_a_disk_without_space_for_the_weights_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda place: Usage(0, 0, int(7e9)))
    assert found(tmp_path, "model=nnunet", "study.trials=11") == []
    (line,) = found(tmp_path, "model=nnunet", "study.trials=12")  # 12 · 31.2 million · 4 bytes · 5 = 7.5 GB
    assert line == (
        "study.root: weights and checkpoints of 12 trials take up to 7.5 GB, and 7.0 GB are free in "
        f"{tmp_path}; free space, lower study.trials, or choose another folder"
    )
    assert found(tmp_path, "model=nnunet", "study.trials=12", "resume=true") == []  # some of it is there


def test_gpus_that_are_not_there_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    (line,) = found(tmp_path, "trainer.gpus_per_worker=1")
    assert line.startswith(
        "trainer.gpus_per_worker: trials reserve 1, and torch finds no GPU on this machine"
    )
    (line,) = found(tmp_path, "trainer.device=cuda")
    assert line.startswith("trainer.device: cuda is requested, but this machine has no CUDA device")
    assert found(tmp_path, "trainer.gpus_per_worker=1", "cluster=host:6379") == []
    alone = compose([f"study.root={tmp_path}", "trainer.gpus_per_worker=1"])
    assert obstacles(alone, searches=False) == []
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    assert found(tmp_path, "trainer.gpus_per_worker=2") == []
    (line,) = found(tmp_path, "trainer.gpus_per_worker=1", "trainer.workers=3")
    assert line.startswith("trainer.gpus_per_worker: a trial needs 3 × 1")


def test_a_patch_that_no_memory_holds_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feasible, "total_memory", lambda: 10**10)
    patch = ["model=nnunet", "trainer.device=cpu", "trainer.batch_size=4"]
    assert found(tmp_path, *patch, "model.patch_size=[64,128,128]") == []
    huge = [*patch, "model.patch_size=[128,128,128]"]  # 4 · 3.2 GB, as measured for nnU-Net's network
    (line,) = found(tmp_path, *huge)
    assert line.startswith(
        "model.patch_size: a training needs about 12.9 GB for a patch of 128 × 128 × 128 and trainer.batch_size=4, "
        "and this machine has 10.0 GB; lower one of the two"
    )
    assert found(tmp_path, *huge, "trainer.on_out_of_memory=halve") == []
    assert found(tmp_path, *huge, "trainer.micro_batches=2") == []
    # what the network does not fit is told with the scans
    assert found(tmp_path, *patch, "model.patch_size=[3,3,3]") == []


def test_many_trials_that_need_too_much_together_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feasible, "total_memory", lambda: 10**10)
    settings = [
        "model=nnunet",
        "trainer.device=cpu",
        "model.patch_size=[128,128,128]",
        "trainer.batch_size=1",
    ]
    config = compose([*settings, "study.concurrency=4"])
    plan = plan_network(config, (128, 128, 128), (1.0, 1.0, 1.0))
    assert crowd_doubts(config, plan) == [
        "4 trials at a time need about 12.9 GB, and this machine has 10.0 GB: set study.concurrency=3"
    ]
    assert crowd_doubts(config.with_values({"study.concurrency": 3}), plan) == []
    assert crowd_doubts(config.with_values({"study.trials": 2}), plan) == []


@pytest.mark.usefixtures("reads_no_scan")
@pytest.mark.parametrize("run", [run_study, train_once])
def test_a_study_that_cannot_run_ends_before_its_scans_are_read(tmp_path: Path, run: Any) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(ConfigError, match=r"imaging\.cache: .* cannot be written"):
        run(compose([f"study.root={tmp_path}", f"imaging.cache={file}"]), Lines(print))
    assert not (tmp_path / "gradual").exists()


def test_dry_run_tells_it_at_its_end(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    config = compose([f"study.root={file}", "cohort.unseen=[]"])
    lines = forecast(config).splitlines()
    at = lines.index("It cannot run on this machine:")
    assert lines[at + 1].startswith(f"  study.root: {file} cannot be written")
    assert lines[lines.index("Please note:") + 1].startswith("  no subject of an unseen center")
    with pytest.raises(ConfigError):
        check_feasible(config)


def test_a_network_that_no_memory_holds_is_refused_before_scans_are_prepared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def prepare(*arguments: Any, **named: Any) -> None:
        raise AssertionError("scans are prepared")

    monkeypatch.setattr("study.workflow.preparation.prepare_cohort", prepare)
    monkeypatch.setattr(feasible, "total_memory", lambda: 10**6)
    cohort = ["cohort.phantom.centers=[CHSF]", "cohort.phantom.subjects_per_center=3", "cohort.unseen=[]"]
    config = compose([f"study.root={tmp_path}", "trainer.device=cpu", *cohort])
    with pytest.raises(
        ConfigError, match=r"model\.patch_size: a training needs about .* this machine has 0\.0 GB"
    ):
        prepare_study(config, StudyFolder(tmp_path, "gradual"))
