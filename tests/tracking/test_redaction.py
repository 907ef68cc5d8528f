from __future__ import annotations

import pytest

from study.config import Config
from study.tracking.redaction import LOCAL_PATH, flatten, path_fields, redact, redact_value, shown


def test_every_setting_that_holds_a_file_is_known() -> None:
    assert path_fields() == {
        "study.root",
        "transfer.source",
        "lesion.path",
        "cohort.path",
        "cohort.pseudonym_key",
        "cohort.phantom.root",
        "cohort.isles2022.root",
        "cohort.nnunet.root",
        "cohort.nnunet.table",
        "cohort.bids.root",
        "cohort.brats2018.root",
        "cohort.brats2023.root",
        "cohort.brats2023.table",
        "cohort.isbi2015.root",
        "cohort.jhu.root",
        "cohort.umcl.root",
        "cohort.splits.path",
        "imaging.cache",
    }


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("study.root", "scans"),  # no slash, but a setting that holds a path
        ("tracking.uri", "sqlite:///x.db"),
        ("tuning.storage", "postgresql://me:word@host/db"),
        ("cohort.seen", "/data/CHSF"),
        ("cohort.seen", r"C:\data"),
        ("cohort.seen", "~jane"),
    ],
)
def test_paths_and_addresses_are_hidden(path: str, value: str) -> None:
    assert redact_value(path, value) == LOCAL_PATH


def test_a_bundle_of_the_package_is_named() -> None:
    assert redact_value("lesion.path", "rule") == "rule"
    assert redact_value("study.root", "rule") == LOCAL_PATH


def test_numbers_names_and_absent_paths_stay() -> None:
    content = {"a": {"b": [1, 2.5], "c": "DWI", "d": None, "e": True}, "imaging": {"cache": None}}
    assert redact(content) == content


def test_lists_are_looked_into() -> None:
    assert redact({"cohort": {"seen": ["CHSF", "/data/x"]}}) == {"cohort": {"seen": ["CHSF", LOCAL_PATH]}}


def test_dotted_paths_are_those_of_the_command_line() -> None:
    flat = flatten(Config.model_validate({"study": {"name": "x"}}).model_dump(mode="json"))
    assert flat["modality_dropout.drop_probability"] == 0.5
    assert shown(flat["cohort.modalities"]) == "DWI, ADC, B0"
