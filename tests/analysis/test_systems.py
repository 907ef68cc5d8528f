from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from builders import result_row

from analysis.systems import describe, main, rows_of_systems
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


def test_the_best_trial_of_each_value_stands_for_it(slices: StudyFolder) -> None:
    rows = rows_of_systems({"": [Ranking(slices)]}, ["model.slices"])
    text, stand_ins = describe(rows, 50, 0).split("Test subjects with SWAN=SWI")
    assert rows["system"].tolist() == ["slices=12"] * 2 + ["slices=10"] * 2
    assert "| 0.400 (0.200 to 0.600) |" in line(text, "| Dice | slices=12 |")
    assert "| 0.300 (0.100 to 0.500) |" in line(text, "| Dice | slices=10 |")
    assert text.index("| Dice | slices=12 |") < text.index("| Dice | slices=10 |")  # as the study tried them
    assert "| 0.200 (0.200 to 0.200) |" in line(stand_ins, "| Dice | slices=12 |")


def test_winners_of_studies_are_compared_and_runs_of_one_are_averaged(
    slices: StudyFolder, tmp_path: Path
) -> None:
    other = study(tmp_path, "other", ({}, 0.1, {"FOCH-0001": 0.7}))
    rows = rows_of_systems({"ours": [Ranking(slices), Ranking(other)], "theirs": [Ranking(other)]})
    text = describe(rows, 50, 0)
    # FOCH-0001 has 0.5 with the winner of slices and 0.7 with the other's; FOCH-0009 has 0.1.
    assert "| 0.350 (0.100 to 0.600) |" in line(text.split("Test subjects with")[0], "| Dice | ours |")
    assert "| 0.700 (0.700 to 0.700) |" in line(text.split("Test subjects with")[0], "| Dice | theirs |")


def test_a_setting_that_was_not_searched_is_refused(slices: StudyFolder) -> None:
    with pytest.raises(
        ConfigError, match=r"no trial of .*slices searched model.name; searched are model.slices"
    ):
        rows_of_systems({"": [Ranking(slices)]}, ["model.name"])


def test_the_command_prints_the_tables(slices: StudyFolder, capsys: pytest.CaptureFixture[str]) -> None:
    main([f"AttLLSTM={slices.path}", "by=model.slices"])
    out = capsys.readouterr().out
    assert out.startswith("By occlusion: ")
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
