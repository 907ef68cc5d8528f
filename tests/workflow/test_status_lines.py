"""Where a study stands, in words and as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from studies import prepared_study, write_study

from study.commandline.composition import compose
from study.records import StudyFolder
from study.records.status import (
    BestTrial,
    DriverStatus,
    EnsembleStatus,
    FailureStatus,
    RunningTrial,
    StudyStatus,
    TimeLeft,
    TrackingStatus,
    TrialCounts,
)
from study.workflow.display import StudyView, picture
from study.workflow.status_lines import status_line, status_lines

NOW_MS = 1_700_000_000_000
DRIVER = DriverStatus(state="running", host="host1", process=71, since_ms=NOW_MS - 7_200_000)
LEFT = TimeLeft(seconds=5000, trials=16, at_a_time=2, epochs=21.5, epoch_s=3.25, judging_s=12)
AWAY = TrackingStatus(state="away", sent=3, waiting=1, failure="refused")
OUT_OF_MEMORY = FailureStatus(reason="out of memory", count=6, trials=(1, 2, 3, 4, 5, 6))
NOT_A_NUMBER = FailureStatus(reason="the loss is nan", count=1, trials=(7,))


def trial(number: int, **changes: Any) -> RunningTrial:
    known = {
        "seed": None,
        "stage": "training",
        "epoch": 5,
        "epochs": 30,
        "rung": 1,
        "rungs": 3,
        "objective": 0.4321,
    }
    known |= {"epoch_s": 3.14159, "left_s": 78.6, "heard_ms": NOW_MS}
    return RunningTrial.model_validate({"trial": number, **known, **changes})


def status(**changes: Any) -> StudyStatus:
    known = {
        "study": "gradual",
        "folder": "/studies/gradual",
        "time_ms": NOW_MS,
        "requested": 20,
        "driver": DRIVER,
        "trials": TrialCounts(waiting=14, running=2, interrupted=0, complete=2, pruned=1, failed=1),
        "replicates": None,
        "running": (
            trial(4),
            trial(5, stage="starting", epoch=0, rung=0, objective=None, epoch_s=None, left_s=None),
        ),
        "best": BestTrial(trial=2, objective=0.51234),
        "failures": (OUT_OF_MEMORY, NOT_A_NUMBER),
        "left": LEFT,
        "tracking": AWAY,
    }
    return StudyStatus(**{**known, **changes})


def drawn(found: StudyStatus, height: int, width: int = 100) -> list[str]:
    console = Console(width=width, height=height, color_system=None, highlight=False)
    with console.capture() as capture:
        console.print(picture(found, height))
    return [line.rstrip() for line in capture.get().splitlines()]


def test_all_of_it_in_lines() -> None:
    since, *_ = [line for line in status_lines(status()) if "run by" in line]
    assert since.startswith("  run by process 71 on host1, since 20")
    assert since.endswith("(2 h 0 min)")
    assert [line for line in status_lines(status()) if line != since] == [
        "Study gradual: 4 of 20 trials ended",
        "  14 waiting, 2 running, 2 complete, 1 pruned, 1 failed",
        "  trial     epoch  rung  objective  s/epoch  left",
        "      4      5/30   1/3      0.432     3.14  79 s",
        "      5  starting   0/3          -        -     -",
        "  best so far: trial 2, objective 0.512",
        "  about 83 min left: 16 trials, 2 at a time, of 21.5 epochs of 3.25 s and 12 s of judging",
        "  MLflow is away, and has 3 of 4 trials that ended (refused)",
        "  6 failed: out of memory (trials 1, 2, 3, 4, 5, …)",
        "  1 failed: the loss is nan (trial 7)",
    ]


def test_replicates_stand_beside_the_trials() -> None:
    found = status(
        trials=TrialCounts(waiting=0, running=0, interrupted=0, complete=19, pruned=0, failed=1),
        replicates=TrialCounts(waiting=3, running=1, interrupted=0, complete=2, pruned=0, failed=0),
        running=(trial(4, seed=8, rung=0, rungs=0),),
    )
    assert list(status_lines(found))[2:5] == [
        "  19 complete, 1 failed; replicates: 3 waiting, 1 running, 2 complete",
        "      trial  epoch  rung  objective  s/epoch  left",
        "  4, seed 8   5/30     -      0.432     3.14  79 s",
    ]
    line = status_line(found)
    assert line is not None
    assert "trial 4, seed 8: epoch 5/30" in line
    assert any("replicates: 3 waiting, 1 running" in shown for shown in drawn(found, 20))


def test_an_ensemble_is_named_with_its_objective_and_a_single_trial_is_none() -> None:
    several = EnsembleStatus(trials=(3, 7), objective=0.6149, better=True)
    assert "  ensemble: trials 3, 7, objective 0.615 (cross-fitted)" in list(
        status_lines(status(ensemble=several))
    )
    alone = EnsembleStatus(trials=(3,), objective=None, better=False)
    assert not any("ensemble" in line for line in status_lines(status(ensemble=alone)))


@pytest.mark.parametrize(
    ("driver", "words"),
    [
        (None, "  nothing runs it"),
        (DriverStatus(state="starting"), "  a process prepares or starts it"),
        (
            DRIVER.model_copy(update={"state": "unknown"}),
            "whether it runs still cannot be seen from this machine",
        ),
        (DRIVER.model_copy(update={"machines": ("a", "b")}), "(2 h 0 min); machines: a, b"),
    ],
)
def test_who_runs_it(driver: DriverStatus | None, words: str) -> None:
    assert list(status_lines(status(driver=driver)))[1].endswith(words)


def test_a_study_that_has_stopped_says_how_to_continue_and_one_that_is_over_does_not() -> None:
    stopped = status(driver=None, running=(), left=None)
    assert list(status_lines(stopped))[-1] == "  continue with the study's command and resume=true"
    over = TrialCounts(waiting=0, running=0, interrupted=0, complete=20, pruned=0, failed=0)
    assert not any("resume" in line for line in status_lines(status(driver=None, running=(), trials=over)))


@pytest.mark.parametrize(
    ("sent", "waiting", "words"),
    [
        (0, 0, None),
        (4, 0, "  MLflow has all 4 trials that ended"),
        (3, 1, "  MLflow has 3 of 4 trials that ended"),
    ],
)
def test_what_the_tracking_has_in_words(sent: int, waiting: int, words: str | None) -> None:
    tracking = TrackingStatus(
        state="waiting" if waiting else "sent", sent=sent, waiting=waiting, failure=None
    )
    found = [line for line in status_lines(status(tracking=tracking)) if "MLflow" in line]
    assert found == ([words] if words else [])


def test_one_line_for_a_log_file() -> None:
    line = "4 of 20 trials ended; trial 4: epoch 5/30, objective 0.432; trial 5: starting; about 83 min left"
    assert status_line(status()) == line
    many = status(running=tuple(trial(number, objective=None) for number in range(5)), left=None)
    assert status_line(many) == (
        "4 of 20 trials ended; trial 0: epoch 5/30; trial 1: epoch 5/30; trial 2: epoch 5/30; and 2 more"
    )
    assert status_line(status(running=())) is None


def test_a_picture_has_a_bar_the_trials_and_what_is_remarkable() -> None:
    lines = drawn(status(), height=40)
    assert lines[1].startswith("study gradual")
    assert lines[1].endswith("4 of 20 trials ended  about 83 min left")
    assert lines[3].split() == ["trial", "epoch", "rung", "objective", "s/epoch", "left"]
    assert lines[4].split() == ["4", "5/30", "1/3", "0.432", "3.14", "79", "s"]
    assert lines[-1] == "1 failed: the loss is nan (trial 7)"


@pytest.mark.parametrize("height", range(5, 30))
def test_a_picture_fits_a_terminal_of_any_height(height: int) -> None:
    many = status(running=tuple(trial(number) for number in range(50)))
    lines = drawn(many, height, width=60)
    assert len(lines) <= height
    assert max(map(len, lines)) <= 60
    shown = sum(line.split()[1:2] == ["5/30"] for line in lines)
    assert shown >= 1
    if height >= 12:
        assert f"and {50 - shown} more trials run" in lines


def test_a_view_of_a_study_that_cannot_be_read_says_so_and_goes_on(tmp_path: Path) -> None:
    config = compose(["search_space=gradual", "study.name=s", f"study.root={tmp_path}"])
    folder = write_study(config, prepared_study())
    view = StudyView(folder)
    assert view.line() is None  # nothing runs
    folder.tracking.path.write_text("{")
    assert "tracking.json: damaged" in str(view.line())
    assert "tracking.json: damaged" in str(view.drawn(20))
    folder.tracking.path.unlink()
    assert view.line() is None


def test_a_view_of_a_study_that_is_not_there_yet_begins_later(tmp_path: Path) -> None:
    view = StudyView(StudyFolder(tmp_path, "s"))
    assert "config.json: file is missing" in str(view.line())
    config = compose(["search_space=gradual", "study.name=s", f"study.root={tmp_path}"])
    write_study(config, prepared_study())
    assert view.line() is None
