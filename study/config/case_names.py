"""A setting: how the names of cases tell the center, and the patient."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator

from study.config.mistakes import plain
from study.config.nearest import did_you_mean

__all__ = ["PREFIX", "CasePattern", "center_and_patient"]

PREFIX = "prefix"  # the short word for the most frequent pattern
_PREFIX = re.compile(r"(?P<center>[^_]+)_.*")
_CENTER, _PATIENT = "center", "patient"  # groups of a pattern
_EXAMPLE = "'(?P<center>[A-Z]+)_(?P<patient>[0-9]+).*'"


def center_and_patient(pattern: str, case: str) -> tuple[str, str] | None:
    """The center and the patient that the name of a case tells; None if the pattern does not match all of it.

    Where the pattern has no group for the patient, the case is the patient.

    Args:
        pattern: a legal `CasePattern`.
        case: the name.

    Example:
        >>> center_and_patient("prefix", "BERN_001")
        ('BERN', 'BERN_001')
        >>> center_and_patient("(?P<center>[A-Z]+)_(?P<patient>[0-9]+).*", "BERN_001_second")
        ('BERN', '001')
    """
    compiled = _PREFIX if pattern == PREFIX else re.compile(pattern)
    match = compiled.fullmatch(case)
    if match is None:
        return None
    groups = match.groupdict()
    center = groups[_CENTER] if groups else match[1]
    return center or "", groups.get(_PATIENT, case) or ""


def _legal(pattern: str) -> str:
    """Prefix, or a regular expression with a group for the center."""
    if pattern == PREFIX:
        return pattern
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        where = "" if error.pos is None else f" at character {error.pos + 1}"
        raise plain(
            f"must be {PREFIX}, or a regular expression such as {_EXAMPLE}, got {pattern!r} ({error.msg}{where})"
        ) from None
    groups = set(compiled.groupindex)
    if unknown := sorted(groups - {_CENTER, _PATIENT}):
        hint = did_you_mean(unknown[0], (_CENTER, _PATIENT))
        raise plain(f"groups may be called {_CENTER} and {_PATIENT}, got {unknown[0]} in {pattern!r}{hint}")
    if _CENTER not in groups and (groups or compiled.groups != 1):
        hint = did_you_mean(pattern, (PREFIX,)) or f"; write {PREFIX}, or {_EXAMPLE}"
        raise plain(f"must have a group (?P<{_CENTER}>…), got {pattern!r}{hint}")
    return pattern


CasePattern = Annotated[str, AfterValidator(_legal)]
