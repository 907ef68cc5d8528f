"""What values a setting takes, and values themselves, in words."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field

from study.config.fields import Kind, find_field
from study.config.schedule import Schedule
from study.config.words import default_in_words, kind_in_words, shown


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (Annotated[float, Field(ge=0, le=1)], "a number, 0 to 1"),
        (Annotated[int, Field(ge=1)], "a whole number, at least 1"),
        (Annotated[int, Field(ge=1, lt=2**31)], "a whole number, at least 1"),
        (Annotated[float, Field(gt=0, lt=2)], "a number, above 0, below 2"),
        (Annotated[float, Field(lt=2)], "a number, below 2"),
        (Annotated[int, Field(ge=1)] | None, "a whole number, at least 1, or null"),
        (Literal["sgd", "adam"], "one of sgd, adam"),
        (Literal[1, 3], "one of 1, 3"),
        (Literal["all"] | int | None, "all, or a whole number, or null"),
        (tuple[float, float, float], "a list of 3 numbers"),
        (
            tuple[Annotated[int, Field(ge=1)], Annotated[int, Field(ge=1)]],
            "a list of 2 whole numbers, each at least 1",
        ),
        (Annotated[tuple[str, ...], Field(min_length=1)], "a list of names, not empty"),
        (tuple[Literal["a", "b"], ...], "a list of names, each one of a, b"),
        (Annotated[str, Field(pattern="^[a-z]+$")], "text, matching ^[a-z]+$"),
        (bool, "true or false"),
        (Path, "a path"),
        (str | None, "text, or null"),
        (dict[str, str], "a mapping, {name: value}"),
    ],
)
def test_a_type_is_told_in_words(kind: Any, words: str) -> None:
    assert kind_in_words(Kind.of(kind)) == words


def test_values_are_marked_where_they_stand_in_prose() -> None:
    assert kind_in_words(Kind(Literal["a", "b"] | None), "`") == "one of `a`, `b`, or `null`"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (0.5, "0.5"),
        ("a b", "a b"),
        (Path("x/y"), "x/y"),
        (("a", None, 1), "[a, null, 1]"),
        ({"SWAN": ("SWI",)}, "{SWAN: [SWI]}"),
    ],
)
def test_a_value_is_shown_as_it_is_typed(value: Any, text: str) -> None:
    assert shown(value) == text


def test_a_default_is_shown_where_there_is_one() -> None:
    class Needed(BaseModel):
        name: str

    field = find_field(Schedule, "drops")
    assert field is not None
    assert default_in_words(field) == "[1.0, 1.0, 1.0]"
    assert default_in_words(Needed.model_fields["name"]) is None
