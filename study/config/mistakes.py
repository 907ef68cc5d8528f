"""Mistakes that validators of our own report to pydantic."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

__all__ = ["PLAIN", "mistake", "plain", "refusal"]

PLAIN = "plain"  # type of a mistake whose message is complete: the value is not repeated behind it


def plain(message: str) -> PydanticCustomError:
    """A mistake with a complete message."""
    return PydanticCustomError(PLAIN, "{message}", {"message": message})


def mistake(message: str, *location: str) -> InitErrorDetails:
    """A mistake with a complete message, at a place below the field that is validated."""
    return InitErrorDetails(type=plain(message), loc=location, input=None)


def refusal(mistakes: Sequence[InitErrorDetails]) -> ValidationError:
    """An error with these mistakes; raised in a validator, it keeps their places and adds the field's."""
    return ValidationError.from_exception_data("settings", list(mistakes))
