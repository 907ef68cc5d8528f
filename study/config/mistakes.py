"""Mistakes that validators of our own report to pydantic."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

__all__ = ["PLAIN", "mistake", "plain", "refusal", "relocated"]

PLAIN = "plain"  # type of a mistake whose message is complete: the value is not repeated behind it


def plain(message: str) -> PydanticCustomError:
    """A mistake with a complete message."""
    return PydanticCustomError(PLAIN, "{message}", {"message": message})


def mistake(message: str, *location: str) -> InitErrorDetails:
    """A mistake with a complete message, at a place below the field that is validated."""
    return InitErrorDetails(type=plain(message), loc=location, input=None)


def relocated(error: ValidationError, *above: str) -> list[InitErrorDetails]:
    """The mistakes of an error, with their messages, at a place further down."""
    found = []
    for one in error.errors():
        message = "required and not given" if one["type"] == "missing" else one["msg"]
        kind = PydanticCustomError("setting", "{message}", {"message": message})
        complete = one["type"] in ("missing", PLAIN)
        location = (*above, *one["loc"])
        found.append(
            InitErrorDetails(type=plain(message) if complete else kind, loc=location, input=one["input"])
        )
    return found


def refusal(mistakes: Sequence[InitErrorDetails]) -> ValidationError:
    """An error with these mistakes; raised in a validator, it keeps their places and adds the field's."""
    return ValidationError.from_exception_data("settings", list(mistakes))
