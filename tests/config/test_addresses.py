"""Passwords in addresses: known to the process that was given them, and to nothing that is made from the settings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from study.commandline import run_command
from study.commandline.composition import compose, to_yaml
from study.config import Config, hide_passwords, validate, with_password
from study.config.addresses import without_password
from study.errors import ConfigError, StudyError
from study.records import StudyFolder
from study.workflow.resuming import check_resumable
from study.workflow.searching import search_plan

SECRET = "Xq7-hidden"


@pytest.mark.parametrize(
    ("address", "bare"),
    [
        ("postgresql://me:word@host/db", "postgresql://me@host/db"),
        ("postgresql+psycopg://me:w:r%40d@host:5432/db", "postgresql+psycopg://me@host:5432/db"),
        ("postgresql://me:wo/rd@host/db", "postgresql://me@host/db"),  # as SQLAlchemy reads it
        ("postgresql://me:word@/db?host=/run/pg", "postgresql://me@/db?host=/run/pg"),
        ("postgresql://host/db?user=me&password=word", "postgresql://host/db?user=me"),
        ("postgresql://host/db?password=word&user=me", "postgresql://host/db?user=me"),
        ("postgresql://host/db?password=word", "postgresql://host/db"),
        ("postgresql://host/db?sslpassword=a&sslmode=require", "postgresql://host/db?sslmode=require"),
        ("https://me:word@mlflow.lab/path", "https://me@mlflow.lab/path"),
        # without a password
        ("postgresql://me@host/db", "postgresql://me@host/db"),
        ("http://host:5000/a@b", "http://host:5000/a@b"),
        ("sqlite:////data/a:b@c/o.db", "sqlite:////data/a:b@c/o.db"),
        ("postgresql://host:5432/db", "postgresql://host:5432/db"),
        ("nonsense", "nonsense"),
    ],
)
def test_an_address_without_its_password(address: str, bare: str) -> None:
    assert without_password(address) == bare
    assert without_password(bare) == bare


def make(root: Path, storage: str | None = f"postgresql://me:{SECRET}@host/db", **top: Any) -> Config:
    tracking = {"uri": f"https://me:{SECRET}@mlflow.lab"}
    study = {"name": "s", "root": str(root)}
    return validate({"study": study, "tuning": {"storage": storage}, "tracking": tracking, **top})


def test_nothing_that_is_made_from_the_configuration_holds_a_password(tmp_path: Path) -> None:
    config = make(tmp_path)
    folder = StudyFolder(tmp_path, "s")
    folder.config.write(config)
    other = config.with_values({"trainer.epochs": 7})  # made from the values of the first
    for text in (
        folder.config.path.read_text(),
        json.dumps(dict(search_plan(config).settings)),  # which goes to other processes
        to_yaml(config),
        repr(config),
        repr(other),
    ):
        assert "me@host/db" in text
        assert SECRET not in text
    assert with_password(str(other.tuning.storage)) == f"postgresql://me:{SECRET}@host/db"
    assert with_password(str(other.tracking.uri)) == f"https://me:{SECRET}@mlflow.lab"


def test_a_study_is_resumed_with_a_password_or_without(tmp_path: Path) -> None:
    folder = StudyFolder(tmp_path, "s")
    folder.config.write(make(tmp_path))
    check_resumable(make(tmp_path, resume=True), folder)
    check_resumable(make(tmp_path, "postgresql://me@host/db", resume=True), folder)
    with pytest.raises(StudyError, match=r"tuning\.storage: the study has") as error:
        check_resumable(make(tmp_path, f"postgresql://me:{SECRET}@other/db", resume=True), folder)
    assert SECRET not in str(error.value)


def test_the_environment_may_hold_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STUDY_DATABASE_PASSWORD", SECRET)
    config = compose(["tuning.storage='postgresql://me:${oc.env:STUDY_DATABASE_PASSWORD}@host/db'"])
    assert config.tuning.storage == "postgresql://me@host/db"
    assert with_password("postgresql://me@host/db") == f"postgresql://me:{SECRET}@host/db"


def test_a_variable_that_is_not_set_is_named() -> None:
    with pytest.raises(ConfigError, match="STUDY_NO_SUCH_VARIABLE"):
        compose(["tuning.storage='postgresql://me:${oc.env:STUDY_NO_SUCH_VARIABLE}@host/db'"])


def test_an_at_sign_in_a_password_must_be_escaped_and_is_not_shown(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as error:
        make(tmp_path, "postgresql://me:se@cret@host/db")
    assert error.value.problems == ("tuning.storage: an @ in the password must be written as %40",)


def test_messages_hide_passwords_in_each_form_and_of_others() -> None:
    validate({"study": {"name": "s"}, "tuning": {"storage": "postgresql://me:open%20Sesame@host/db"}})
    said = "no: open Sesame, open%20Sesame, postgresql://you:word@host and mysql://you:wo@rd@host, http://host:80/"
    assert hide_passwords(said) == (
        "no: ***, ***, postgresql://you:***@host and mysql://you:***@host, http://host:80/"
    )


@pytest.mark.parametrize("debug", [[], ["debug=true"]])
def test_commands_print_none(debug: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    def fail(arguments: object) -> None:
        raise StudyError("cannot reach postgresql://me:word@host/db")

    with pytest.raises(SystemExit):
        run_command(fail, debug)
    said = capsys.readouterr().err
    assert "error: cannot reach postgresql://me:***@host/db\n" in said
    assert "word" not in said
