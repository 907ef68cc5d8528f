"""`python -m study.postprocess`: what it refuses, and what it says of itself."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from kept_study import call, contents, kept_study

from study.errors import ConfigError, StudyError
from study.postprocess import main
from study.records import StudyFolder


@pytest.fixture
def folder(tmp_path: Path) -> StudyFolder:
    return kept_study(tmp_path)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["trainer.epochs=3"],
            r"trainer\.epochs: study\.postprocess does not take it",
        ),
        (["evaluation.overlap=0.3"], r"evaluation\.overlap: study\.postprocess does not take it"),
        (["objective.fool=1"], r"objective\.fool: no such key; did you mean objective\.full"),
        (
            ["postprocessing.threshold=2"],
            r"postprocessing\.threshold: must be a number, above 0, below 1, got 2",
        ),
        (["search_space.postprocessing.threshold.low=2"], r"search_space\.postprocessing\.threshold"),
        (["search_space.postprocessing.threshold={type"], "has an entry that is not name: value"),
        (["search_space=nowhere"], "no file or choice 'nowhere'; choices are abrupt, "),
        (["trial=first"], "trial: must be a whole number, at least 0, or all, or null, got 'first'"),
        (["apply=maybe"], "apply: must be true or false"),
        (["out=a.png", "trial=all"], "out: names one figure"),
        (["out=a.doc"], r"out: must end with \.png, \.svg, \.pdf"),
        (
            ["objective.centers=[Nowhere]"],
            "objective.centers: no validation subject there; validated were A, B",
        ),
        (["apply"], "apply: not key=value; write apply=true"),
    ],
)
def test_mistakes_are_named_before_anything_is_written(
    folder: StudyFolder, arguments: list[str], said: str
) -> None:
    before = contents(folder)
    with pytest.raises(ConfigError, match=said):
        call(folder, *arguments)
    assert contents(folder) == before


def test_a_file_that_is_no_space_is_refused(folder: StudyFolder, tmp_path: Path) -> None:
    for text, said in (
        ("a: [", "is not YAML"),
        ("trainer: {}", "no postprocessing part"),
        ("[1]", "no postprocessing part"),
    ):
        path = tmp_path / "space.yaml"
        path.write_text(text)
        with pytest.raises(ConfigError, match=said):
            call(folder, f"search_space={path}")


def test_the_study_is_needed_and_the_trial_must_be_complete(folder: StudyFolder) -> None:
    with pytest.raises(ConfigError, match=r"study\.name: required"):
        main([])
    with pytest.raises(StudyError, match="no study 'other'"):
        main(["study.name=other", f"study.root={folder.path.parent}"])
    with pytest.raises(StudyError, match="trial: 2 is not complete; complete are 0, 1"):
        call(folder, "trial=2")
    for path in folder.trial(1).kept.path.iterdir():
        path.unlink()
    with pytest.raises(StudyError, match="trial 1: no kept probabilities"):
        call(folder, "trial=1")


def test_neither_torch_nor_ray_nor_mlflow_is_imported(folder: StudyFolder) -> None:
    code = (
        "import sys; from study.postprocess import main; main(sys.argv[1:]); "
        "print([name for name in ('torch', 'ray', 'mlflow', 'torchio') if name in sys.modules])"
    )
    arguments = ["study.name=tiny", f"study.root={folder.path.parent}"]
    ended = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert ended.stdout.splitlines()[-1] == "[]"


def test_help_says_all_keys(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--help"])
    said = capsys.readouterr().out
    for key in (
        "trial",
        "apply",
        "objective.full",
        "search_space.postprocessing.threshold.low",
        "evaluation.postprocessing_sampler",
    ):
        assert key in said
