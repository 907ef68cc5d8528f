"""The table of commands, and what every one of them has in common."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from study.__main__ import main as list_commands
from study.commandline import Command
from study.commandline.commands import COMMANDS, module_of
from study.config.words import default_in_words
from study.errors import ConfigError
from study.machine.shell import interpreter

ROOT = Path(__file__).parents[2]
HEAVY = {
    "torch",
    "ray",
    "mlflow",
    "optuna",
    "torchio",
    "monai",
    "numpy",
    "pandas",
    "scipy",
    "matplotlib",
    "hydra",
    "omegaconf",
}


def command(called: str) -> Command[Any]:
    found = import_module(module_of(called)).COMMAND
    assert isinstance(found, Command)
    return found


def test_the_table_names_every_module_that_runs_as_a_command() -> None:
    sources = [*(ROOT / "study").rglob("*.py"), *(ROOT / "analysis").rglob("*.py")]
    runs = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in sources
        if "\n    run_command(main)\n" in path.read_text(encoding="utf-8")
    }
    assert runs - {"study.__main__"} == {module_of(called) for called in COMMANDS}
    assert [command(called).called for called in COMMANDS] == list(COMMANDS)


def test_each_command_is_listed_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    list_commands([])
    lines = capsys.readouterr().out.splitlines()
    for called, about in COMMANDS.items():
        assert any(line.startswith(f"  {called} ") and line.endswith(about) for line in lines)
    assert max(map(len, lines)) <= 120


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        ("evalute", "evalute: write {} -m study.evaluate …"),
        ("run", "run: write {} -m study.run …"),
        ("study.trian", "study.trian: write {} -m study.train …"),
        ("compare", "compare: write {} -m analysis.compare …"),
        ("xyz", "xyz: {} -m study lists the commands"),
    ],
)
def test_a_word_behind_the_package_is_answered_with_the_nearest_command(typed: str, answer: str) -> None:
    with pytest.raises(ConfigError) as caught:
        list_commands([typed])
    assert caught.value.problems == (answer.format(interpreter()),)


@pytest.mark.parametrize("called", COMMANDS)
def test_every_key_of_a_command_is_described_and_in_its_help(
    called: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found = command(called)
    import_module(module_of(called)).main([*called.split(" ")[1:], "--help"])
    said = capsys.readouterr().out
    assert " ".join(said.split()).startswith(COMMANDS[called])
    for path, field in {**found.keys, **found.settings}.items():
        assert field.description, path
        assert f"  {path}={default_in_words(field) or '…'}" in said


def test_what_stands_behind_help_narrows_it_and_what_stands_before_does_not(
    capsys: pytest.CaptureFixture[str],
) -> None:
    main = import_module("study.run").main
    main(["trainer.epochs=3", "word", "--help", "trainer.loss", "schedule=linear", "study.seed=3"])
    said = capsys.readouterr().out
    assert said.startswith("  trainer.loss=dice_ce ")
    assert "shape: linear" in said
    assert "  study.seed=0 " in said
    main(["trainer.epochs=3", "-h"])
    assert "Choices, each of which sets several keys:" in capsys.readouterr().out


@pytest.mark.parametrize("called", COMMANDS)
def test_a_command_refuses_what_it_does_not_understand(called: str) -> None:
    found = command(called)
    with pytest.raises(ConfigError) as caught:
        found.read([*called.split(" ")[1:], "word", "--options"])
    assert [line.partition(":")[0] for line in caught.value.problems] == ["word", "--options"]


def test_a_command_with_a_verb_says_how_it_is_written() -> None:
    with pytest.raises(ConfigError, match=r"study.cohort chek: write .* -m study.cohort check key=value …"):
        command("study.cohort check").read(["chek"])
    with pytest.raises(ConfigError, match=r"study.cohort: write .* -m study.cohort check key=value …"):
        command("study.cohort check").read([])


@pytest.mark.parametrize(
    ("called", "arguments", "problems"),
    [
        ("study.export", ["study.nmae=x", "out=b"], ["study.name: required and not given",
                                                    "study.nmae: no such key; did you mean study.name?"]),
        ("study.export", ["study.name=x", "out=b", "trainer.epochs=3"],
         ["trainer.epochs: study.export does not take it; --help lists what it takes"]),
        ("study.export", ["study.name=x", "out=b", "trial=-1", "debug=maybe"],
         ["debug: must be true or false, got 'maybe'", "trial: must be a whole number, at least 0, or null, got -1"]),
        ("study.evaluate", ["study.name=x", "evaluation.overlap=0.3"],
         ["evaluation.overlap: study.evaluate does not take it; --help lists what it takes"]),
        ("study.evaluate", ["study.name=x", "evaluation.subsets=al"],
         ["evaluation.subsets: must be one of droppable, all, got 'al'; did you mean all?"]),
        ("study.predict", ["bundel=x", "out=m.nii"], ["bundel: no such key; did you mean bundle?",
                                                      "bundle: required and not given"]),
        ("study.predict", ["bundle=x", "out=m.doc", "DWI=a.nii"], ["out: must end in .nii or .nii.gz, got m.doc"]),
        ("study.predict", ["bundle=x", "out=a.nii", "DWI=a.nii"], ["out: a.nii is an input; choose another name"]),
        ("study.predict", ["bundle=x", "out=m", "DWI=a.nii", "images=f"],
         ["images: give either a folder or single files, not also DWI"]),
        ("study.predict", ["bundle=x", "out=m.nii", "device=gpu"],
         ["device: must be one of auto, cpu, cuda, got 'gpu'"]),
        ("study.postprocess", ["study.name=x", "trial=first"],
         ["trial: must be a whole number, at least 0, or all, or null, got 'first'"]),
        ("analysis.compare", ["gradual=a,b"], ["gradual: takes a list; write [a,b], got a,b"]),
        ("study.models", ["model=unet2d,urn"], ["model: takes a list; write [unet2d,urn], got unet2d,urn"]),
        ("study.adopt", [], ["weights: required and not given"]),
    ],
)  # fmt: skip
def test_a_mistake_in_a_command_s_own_keys_is_told(
    called: str, arguments: list[str], problems: list[str]
) -> None:
    with pytest.raises(ConfigError) as caught:
        command(called).read(arguments)
    assert list(caught.value.problems) == problems


def test_a_variable_of_the_environment_stands_in_a_command_s_own_keys(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WHERE", "/a b")
    given = command("study.export").read(["study.name=x", "out=${oc.env:WHERE}/bundle"])
    assert given.own.out == Path("/a b/bundle")
    with pytest.raises(
        ConfigError, match=r"out: \$\{…\} refers to something that there is not .*'NOWHERE' not found"
    ):
        command("study.export").read(["study.name=x", "out=${oc.env:NOWHERE}/bundle"])


def test_spaces_accents_and_signs_in_paths_are_nothing_special() -> None:
    given = command("study.predict").read(
        ["bundle=my bundle/é", "out=a=b, [1].nii", "DWI=/x y/d'Arc (2).nii.gz"]
    )
    assert given.own.bundle == Path("my bundle/é")
    assert given.own.out == Path("a=b, [1].nii")
    assert given.own.modalities == {"DWI": Path("/x y/d'Arc (2).nii.gz")}


@pytest.mark.parametrize("called", COMMANDS)
def test_help_needs_no_heavy_import_and_builds_no_validators(called: str) -> None:
    code = (
        f"import sys, {module_of(called)} as command; command.main(sys.argv[1:]); "
        "from study.config import Config; "
        f"print('HEAVY', sorted({HEAVY!r} & set(sys.modules)), Config.__pydantic_complete__)"
    )
    arguments = [*called.split(" ")[1:], "--help"]
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.stdout.splitlines()[-1] == "HEAVY [] False"
