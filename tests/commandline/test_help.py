"""`--help` is generated from the types that judge the keys."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

import pytest
from installing import installed
from pydantic import Field

from study.commandline import WHOLE, Command, DebugKey, OwnKeys
from study.commandline.groups import choices
from study.commandline.help import help_text, usage
from study.config import Config
from study.config.fields import paths_of
from study.errors import ConfigError

RUN = Command("study.run", OwnKeys, WHOLE)


class Keys(DebugKey):
    out: str = Field(description="where to")
    kind: Literal["zip", "folder"] = Field("zip", description="of the output")


EXPORT = Command("study.export", Keys, details="It is small.")


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")


def entries(text: str) -> dict[str, str]:
    """What stands in the left column to what stands beside or below it."""
    parts = re.split(r"^  (\S+=.*?)(?: {2,}|\n {5,})", text, flags=re.MULTILINE)
    return {key: " ".join(about.split()) for key, about in zip(parts[1::2], parts[2::2], strict=True)}


def test_a_command_of_the_configuration_shows_every_key_with_meaning_default_and_range() -> None:
    found = entries(help_text(RUN))
    keys = {key.partition("=")[0] for key in found}
    assert set(paths_of(Config)) <= keys
    assert found["trainer.epochs=1000"] == "of iterations_per_epoch batches each (a whole number, at least 1)"
    assert found["model.patch_size=null"].endswith("(a list of 3 whole numbers, each at least 1, or null)")
    assert "(one of abrupt, cosine, " in found["schedule.shape=step"]
    assert found["schedule="] == ", ".join(choices()["schedule"])


def test_a_command_shows_its_own_keys_and_which_it_requires() -> None:
    text = help_text(EXPORT)
    assert text.startswith("Write the bundle of a study's winner, ready for study.predict.\n\nIt is small.\n")
    assert entries(text) == {
        "out=…": "where to; required",
        "kind=zip": "of the output (one of zip, folder)",
        "debug=false": "show the traceback of an error (true or false)",
    }
    assert usage(EXPORT) == "python -m study.export out=… [key=value] …"
    assert "--cfg" not in text


@pytest.mark.parametrize("columns", ["20", "80", "300"])
def test_lines_fit_the_terminal_within_reason(columns: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    prose = [line for line in help_text(RUN).splitlines() if "=" not in line and "--" not in line]
    assert max(map(len, prose)) <= {"20": 70, "80": 80, "300": 120}[columns]


def test_help_is_narrowed_to_a_section() -> None:
    found = entries(help_text(RUN, ["modality_dropout"]))
    assert {key.partition(".")[0] for key in found} == {"modality_dropout"}
    assert "modality_dropout.drop_probability=0.5" in found


def test_help_is_narrowed_to_a_key_by_its_path_or_its_last_part() -> None:
    whole = help_text(RUN, ["modality_dropout.drop_probability"])
    assert list(entries(whole)) == ["modality_dropout.drop_probability=0.5"]
    assert help_text(RUN, ["drop_probability"]) == whole
    assert list(entries(help_text(EXPORT, ["out"]))) == ["out=…"]


def test_help_is_narrowed_to_a_group_and_its_section() -> None:
    text = help_text(RUN, ["schedule"])
    found = entries(text)
    assert found["schedule=linear"] == "From full intensity to 0 in a straight line."
    assert "schedule.exponent=2.0" in found
    assert "trainer." not in text


def test_help_shows_what_a_choice_sets() -> None:
    text = help_text(RUN, ["schedule=linear"])
    assert text.startswith("schedule=linear: From full intensity to 0 in a straight line.")
    assert "shape: linear" in text


def test_a_topic_that_there_is_not_is_answered_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"did you mean modality_dropout\.drop_probability\?"):
        help_text(RUN, ["drop_probabilty"])
    with pytest.raises(ConfigError, match=r"did you mean trainer\?"):
        help_text(RUN, ["trianer"])
    with pytest.raises(ConfigError, match=r"study\.export has nothing of this name$"):
        help_text(EXPORT, ["trainer"])


def test_parts_of_installed_packages_are_listed(tmp_path: Path) -> None:
    with installed(tmp_path, "mine", "def half(*_): ...", {"fadeout.schedules": {"half": "half"}}):
        assert " half," in help_text(RUN, ["schedule.shape"])
