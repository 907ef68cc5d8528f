from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from builders import result_row
from studies import complete, prepared_study, pruned, write_study, write_trial

from analysis.rows import main, study_rows
from study.commandline import run_command
from study.config import validate
from study.records import Replicate, StudyFolder


@pytest.fixture
def study(tmp_path: Path) -> StudyFolder:
    config = validate({"study": {"name": "s", "root": str(tmp_path)}})
    folder = write_study(config, prepared_study(), winner=0)
    rows = [result_row(center="Hôpital, Nord", dice=0.25), result_row(subject="CHSF-0002", dice=float("nan"))]
    write_trial(
        folder, complete(0, 0.6), searched={"trainer.learning_rate": 0.1, "model.inputs": "DWI"}, rows=rows
    )
    write_trial(folder, pruned(1), searched={"trainer.learning_rate": 0.2})
    write_trial(
        folder,
        complete(2, 0.7),
        searched={"trainer.learning_rate": 0.3, "schedule.drops": [0.5, 0.25]},
        rows=[result_row(trial=2)],
    )
    for number in (0, 2):
        folder.trial(number).weights.path.write_bytes(b"a network")
    return folder


def test_rows_of_all_complete_trials_with_what_they_searched(
    study: StudyFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "rows.csv"
    main(["study.name=s", f"study.root={tmp_path}", f"out={out}"])
    assert out.read_bytes().startswith(b"\xef\xbb\xbftrial,seed,objective,split,center,")
    rows = pd.read_csv(out)
    assert rows["trial"].tolist() == [0, 0, 2]
    assert rows["objective"].tolist() == [0.6, 0.6, 0.7]
    assert rows["center"].tolist() == ["Hôpital, Nord", "CHSF", "CHSF"]
    assert rows["dice"].isna().tolist() == [False, True, False]
    assert rows["trainer.learning_rate"].tolist() == [0.1, 0.1, 0.3]
    assert rows["schedule.drops"].fillna("").tolist() == ["", "", "0.5, 0.25"]
    assert "3 rows of 2 trials" in capsys.readouterr().out


def test_replicates_stand_below_the_trial_that_they_repeat(study: StudyFolder, tmp_path: Path) -> None:
    for seed in (1, 2):
        again = write_trial(
            study.replicates, complete(seed - 1, 0.5), rows=[result_row(trial=seed - 1, dice=0.1)]
        )
        again.replicate.write(Replicate(trial=0, seed=seed))
    again.result.write(pruned(1))
    rows = study_rows(study)
    assert rows["trial"].tolist() == [0, 0, 0, 2]
    assert rows["seed"].tolist() == [0, 0, 1, 0]
    assert rows["objective"].tolist() == [0.6, 0.6, 0.5, 0.7]
    assert "study.seed" not in rows


def test_one_trial_and_the_default_place(study: StudyFolder, tmp_path: Path) -> None:
    main(["study.name=s", f"study.root={tmp_path}", "trial=2"])
    assert pd.read_csv(study.path / "rows.csv")["trial"].tolist() == [2]


def test_rows_of_later_evaluations(study: StudyFolder, tmp_path: Path) -> None:
    study.trial(2).evaluation("cohort").write([result_row(trial=2, center="Elsewhere", dice=0.75)])
    main(["study.name=s", f"study.root={tmp_path}", "evaluation=cohort"])
    rows = pd.read_csv(study.path / "rows.csv")
    cells = rows[["trial", "objective", "center", "dice", "trainer.learning_rate"]]
    assert cells.to_numpy().tolist() == [[2, 0.7, "Elsewhere", 0.75, 0.3]]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "study.name: required"),
        (["study.name=s", "trial=two"], "trial: must be a whole number, at least 0, or null, got 'two'"),
        (["study.name=s", "trial=1"], "1 is not complete; complete are 0, 2"),
        (["study.name=t"], "no study 't'"),
        (["study.name=s", "evaluation=mine"], "evaluation: must be one of own, cohort, got 'mine'"),
        (
            ["study.name=s", "evaluation=own"],
            "no trial was evaluated on its own test subjects; run ",
        ),
        (["study.name=s", "evaluation=cohort", "trial=2"], "trial 2 was not evaluated on another cohort"),
    ],
)
def test_mistakes_end_with_code_2(
    study: StudyFolder, tmp_path: Path, arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        run_command(main, [*arguments, f"study.root={tmp_path}"])
    assert caught.value.code == 2
    assert told in capsys.readouterr().err
