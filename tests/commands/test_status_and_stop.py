"""`study.status` and `study.stop` as commands: what they print, and mistakes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from studies import complete, failed, prepared_study, write_study, write_trial

from study import status, stop
from study.commandline import run_command
from study.commandline.composition import compose
from study.records import StudyFolder

HEAVY = {"numpy", "pandas", "torch", "ray", "optuna", "mlflow", "rich"}


@pytest.fixture
def folder(tmp_path: Path) -> StudyFolder:
    given = ["search_space=gradual", "study.name=s", f"study.root={tmp_path}", "study.trials=3"]
    folder = write_study(compose(given), prepared_study())
    write_trial(folder, complete(0, 0.5))
    write_trial(folder, failed(1, "the loss is nan"))
    return folder


@pytest.fixture
def asked(folder: StudyFolder, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Runs a command on the study, and returns what it prints."""

    def ask(main: Callable[[Sequence[str]], None], *more: str) -> str:
        main(["study.name=s", f"study.root={folder.path.parent}", *more])
        return capsys.readouterr().out

    return ask


def test_a_study_is_told_of_in_words(asked: Callable[..., str]) -> None:
    assert asked(status.main).splitlines() == [
        "Study s: 2 of 3 trials ended",
        "  nothing runs it",
        "  1 waiting, 1 complete, 1 failed",
        "  best so far: trial 0, objective 0.500",
        "  MLflow has 0 of 2 trials that ended",
        "  1 failed: the loss is nan (trial 1)",
        "  continue with the study's command and resume=true",
    ]


def test_a_study_is_told_of_in_json(asked: Callable[..., str], folder: StudyFolder) -> None:
    found = json.loads(asked(status.main, "format=json"))
    assert found.pop("time_ms") > 1_700_000_000_000
    assert found == {
        "version": 1,
        "study": "s",
        "folder": str(folder.path),
        "requested": 3,
        "driver": None,
        "trials": {"waiting": 1, "running": 0, "interrupted": 0, "complete": 1, "pruned": 0, "failed": 1},
        "replicates": None,
        "ensemble": None,
        "running": [],
        "best": {"trial": 0, "objective": 0.5, "front": []},
        "failures": [{"reason": "the loss is nan", "count": 1, "trials": [1]}],
        "left": None,
        "tracking": {"state": "waiting", "sent": 0, "waiting": 2, "failure": None},
    }


def test_a_value_that_is_not_a_number_is_json_all_the_same(
    asked: Callable[..., str], folder: StudyFolder
) -> None:
    write_trial(folder, complete(0, float("nan")))
    assert json.loads(asked(status.main, "format=json"))["best"] is None


def test_a_study_that_does_not_run_is_not_stopped(asked: Callable[..., str]) -> None:
    assert asked(stop.main) == "s: nothing runs it; there is nothing to stop\n"


@pytest.mark.parametrize(
    ("main", "arguments", "words"),
    [
        (status.main, [], "study.name: required and not given"),
        (status.main, ["study.name=t"], "no study 't'"),
        (
            status.main,
            ["study.name=s", "format=jsn"],
            "format: must be one of text, json, got 'jsn'; did you mean json?",
        ),
        (status.main, ["study.name=s", "study.nam=s"], "did you mean study.name?"),
        (stop.main, [], "study.name: required and not given"),
        (stop.main, ["study.name=t"], "no study 't'"),
    ],
)
def test_mistakes_are_answered_in_one_line(
    main: Callable[[Sequence[str]], None],
    arguments: list[str],
    words: str,
    folder: StudyFolder,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as ended:
        run_command(main, [*arguments, f"study.root={folder.path.parent}"])
    assert ended.value.code == 2
    [line] = capsys.readouterr().err.splitlines()
    assert words in line


def test_a_status_imports_nothing_heavy(folder: StudyFolder) -> None:
    """It must answer within a second."""
    script = (
        "import sys; from study.status import main; main(sys.argv[1:]); "
        f"print(sorted({HEAVY!r} & set(sys.modules)))"
    )
    arguments = ["study.name=s", f"study.root={folder.path.parent}"]
    root = Path(__file__).parents[2]
    ended = subprocess.run(
        [sys.executable, "-c", script, *arguments], cwd=root, capture_output=True, text=True, check=True
    )
    assert ended.stdout.splitlines()[-1] == "[]"
