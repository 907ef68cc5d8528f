"""Values as they are typed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import Field

from study.commandline.values import read_value
from study.config.fields import Kind

TEXT, NAMES, NUMBER = Kind(str), Kind(tuple[str, ...]), Kind.of(Annotated[float, Field(ge=0)] | None)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("-3", -3),
        ("0.5", 0.5),
        (".5", 0.5),
        ("1e-3", 0.001),
        ("1e3", 1000.0),
        ("true", True),
        ("False", False),
        ("null", None),
        ("007", "007"),  # leading zeros make a name, not a number
        ("1_000", "1_000"),
        ("nan", "nan"),
        ("0,01", "0,01"),
        ("text with = and é", "text with = and é"),
        ("'null'", "null"),
        ('"3"', "3"),
        ("[1, a b, 'c, d', null, [2]]", [1, "a b", "c, d", None, [2]]),
        ("[]", []),
        ("{}", {}),
        ("{low: 0.1, high: 1e2, when: {a.b: [x]}}", {"low": 0.1, "high": 100.0, "when": {"a.b": ["x"]}}),
        ("{'a: b':1}", {"a: b": 1}),
        ("[${oc.env:HOME}, 1]", ["${oc.env:HOME}", 1]),
    ],
)
def test_without_a_type_the_text_decides(text: str, value: Any) -> None:
    read = read_value(text)
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(
    "text", ["3", "1.10", "007", "true", "[a]", "{a: b}", "/a b/é=1,2.csv", "'t Hart", "nan"]
)
@pytest.mark.parametrize("kind", [TEXT, Kind(Path), Kind.of(Path | None), Kind(Literal["x", "y"])])
def test_a_setting_that_holds_text_takes_it_as_it_is(text: str, kind: Kind) -> None:
    assert read_value(text, kind) == text


def test_text_can_be_unset_and_quoted() -> None:
    assert read_value("null", TEXT) is None
    assert read_value('"null"', TEXT) == "null"
    assert read_value("' a '", TEXT) == " a "


def test_a_list_of_names_keeps_their_spelling_and_needs_no_brackets_for_one() -> None:
    assert read_value("[1, 1.10, true, null]", NAMES) == ["1", "1.10", "true", None]
    assert read_value("CHU Lille", NAMES) == ["CHU Lille"]
    assert read_value("2024", NAMES) == ["2024"]
    assert read_value("64", Kind(tuple[int, int])) == [64]
    assert read_value("{SWAN: [1, SWI]}", Kind(dict[str, tuple[str, ...]])) == {"SWAN": ["1", "SWI"]}


def test_several_values_without_brackets_are_told_to_have_them() -> None:
    with pytest.raises(ValueError, match=r"^takes a list; write \[Nice, Lille\]$"):
        read_value("Nice, Lille", NAMES)
    assert read_value("0,01", NUMBER) == "0,01"  # the validation tells what would be right


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[a", r"lacks ']' at its end"),
        ("{a: 1", r"lacks '}' at its end"),
        ("[a,]", "entry without a value"),
        ("[,a]", "entry without a value"),
        ("[a] b", "' b' behind its closing bracket|'b' behind its closing bracket"),
        ("[a [b]]", "lacks a comma before"),
        ("{a}", "not name: value"),
        ("{a: 1, a: 2}", "has a twice"),
        ("['a]", "a quote .'. that is not closed"),
        ("[" * 60 + "]" * 60, "nested too deeply"),
        ("9" * 4001, "more than 4000 characters"),
    ],
)
def test_what_is_not_closed_or_too_much_is_refused_with_words(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        read_value(text)


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(st.text(alphabet="a1.,:[]{}'\"$ =-e\n", max_size=30), st.sampled_from([None, TEXT, NAMES, NUMBER]))
def test_any_text_is_read_or_refused(text: str, kind: Kind | None) -> None:
    try:
        told = repr(read_value(text, kind))
    except ValueError as error:
        told = str(error)
    assert told
