from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from builders import result_row

from analysis.method import Method
from analysis.rendering import to_markdown
from analysis.system_tables import rows_of_systems, system_tables
from analysis.systems import main
from study.commandline import run_command
from study.config import validate
from study.errors import ConfigError
from study.records import CompleteTrial, Ranking, StudyFolder

ROW = result_row(
    center="FOCH", seen=False, subject="FOCH-0001", subset="DWI+SWAN", dice=0.5, occlusion="distal"
)


def study(root: Path, name: str, *trials: tuple[dict[str, Any], float, dict[str, float]]) -> StudyFolder:
    """A finished study: of each trial its parameters, its objective and the Dice of its subjects."""
    folder = StudyFolder(root, name)
    folder.config.write(validate({"study": {"name": name, "root": str(root)}}))
    for number, (parameters, value, dice) in enumerate(trials):
        trial = folder.trial(number)
        trial.parameters.write(parameters)
        trial.result.write(CompleteTrial(trial=number, epochs=1, seconds=1.0, value=value, device="cpu"))
        rows = [
            dataclasses.replace(
                ROW,
                trial=number,
                subject=subject,
                dice=score,
                substituted="SWAN=SWI" if subject.endswith("9") else "",
            )
            for subject, score in dice.items()
        ]
        trial.rows.write(rows)
    return folder


@pytest.fixture
def slices(tmp_path: Path) -> StudyFolder:
    return study(
        tmp_path,
        "slices",
        ({"model.slices": 12}, 0.4, {"FOCH-0001": 0.6, "FOCH-0009": 0.2}),
        ({"model.slices": 10}, 0.5, {"FOCH-0001": 0.5, "FOCH-0009": 0.1}),
        ({"model.slices": 12}, 0.3, {"FOCH-0001": 0.9, "FOCH-0009": 0.9}),
    )


def line(text: str, *parts: str) -> str:
    (found,) = [one for one in text.splitlines() if all(part in one for part in parts)]
    return found


def shown(rows: pd.DataFrame) -> list[str]:
    return [to_markdown(table) for table in system_tables(rows, Method(resamples=50))]


def test_the_best_trial_of_each_value_stands_for_it(slices: StudyFolder) -> None:
    rows = rows_of_systems({"": [Ranking(slices)]}, ["model.slices"])
    everyone, differences, stand_ins = shown(rows)
    assert rows["system"].tolist() == ["slices=12"] * 2 + ["slices=10"] * 2
    assert "| 0.400 (–) |" in line(everyone, "| Dice | slices=12 |")
    assert "| 0.300 (–) |" in line(everyone, "| Dice | slices=10 |")
    assert everyone.index("| Dice | slices=12 |") < everyone.index(
        "| Dice | slices=10 |"
    )  # as the study tried them
    assert "| 0.200 (–) |" in line(stand_ins, "| Dice | slices=12 |")
    assert "only those with SWAN=SWI" in stand_ins
    # Both subjects lose 0.1.
    assert "Each system against slices=12" in differences
    assert line(differences, "| slices=10 |").endswith("| 2 | 0.300 (–) | 0.400 (–) | -0.100 (–) | – |")
    for text in (everyone, stand_ins):
        assert "best trial by the objective" in text
        assert "to choose on test data" in text


def test_winners_of_studies_are_compared_and_runs_of_one_are_averaged(
    slices: StudyFolder, tmp_path: Path
) -> None:
    other = study(tmp_path, "other", ({}, 0.1, {"FOCH-0001": 0.7}))
    rows = rows_of_systems({"ours": [Ranking(slices), Ranking(other)], "theirs": [Ranking(other)]})
    everyone, differences, _ = shown(rows)
    # FOCH-0001 has 0.5 with the winner of slices and 0.7 with the other's; FOCH-0009 has 0.1.
    assert "| 0.350 (–) |" in line(everyone, "| Dice | ours |")
    assert "| 0.700 (–) |" in line(everyone, "| Dice | theirs |")
    # Compared on FOCH-0001 alone.
    assert "| 1 | 0.700 (–) | 0.600 (–) | +0.100 (–) |" in line(differences, "| theirs |")


def test_systems_on_other_subjects_are_named_and_not_compared(slices: StudyFolder, tmp_path: Path) -> None:
    other = study(tmp_path, "other", ({}, 0.1, {"FOCH-0002": 0.7}))
    rows = rows_of_systems({"ours": [Ranking(slices)], "theirs": [Ranking(other)]})
    _, differences, _ = system_tables(rows, Method(resamples=50))
    assert differences.rows == ()
    assert differences.notes[0].endswith("no test subject in common with ours: theirs.")


def test_a_single_system_is_compared_with_none(slices: StudyFolder) -> None:
    tables = system_tables(rows_of_systems({"ours": [Ranking(slices)]}), Method(resamples=50))
    assert [table.name for table in tables] == ["occlusions", "occlusions_SWAN=SWI"]


def test_a_setting_that_was_not_searched_is_refused(slices: StudyFolder) -> None:
    with pytest.raises(
        ConfigError, match=r"no trial of .*slices searched model.name; searched are model.slices"
    ):
        rows_of_systems({"": [Ranking(slices)]}, ["model.name"])


def test_the_command_prints_the_tables(slices: StudyFolder, capsys: pytest.CaptureFixture[str]) -> None:
    main([f"AttLLSTM={slices.path}", "by=model.slices"])
    out = capsys.readouterr().out
    assert out.startswith("**By occlusion, on test subjects: mean over subjects**")
    assert "| Dice | AttLLSTM, slices=10 | no | nothing |" in out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [(["by=model.slices"], "no study is given"), (["a=nowhere/at-all"], "no study 'at-all'")],
)
def test_mistakes_end_with_code_2(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        run_command(main, arguments)
    assert caught.value.code == 2
    assert told in capsys.readouterr().err
