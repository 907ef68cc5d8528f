"""Addresses of databases and servers; a password in one stays in the memory of the process that it was given to.

A setting of the type `Address` holds the address without its password. Whatever is made from the configuration (files,
tracking, bundles, messages, other processes) therefore cannot give it away; `with_password` adds it again where a
connection is opened.
"""

from __future__ import annotations

import re
from typing import Annotated
from urllib.parse import unquote

from pydantic import AfterValidator

from study.config.mistakes import plain

__all__ = ["Address", "hide_passwords", "with_password", "without_password"]

HIDDEN = "***"
# user:password@host as SQLAlchemy reads it: up to the first @. In http addresses a slash ends the host.
USER_AND_PASSWORD = re.compile(r"(?P<before>^(?!https?:)[\w+.-]+://[^:/@?#]*):(?P<password>[^@]*)@")
USER_AND_PASSWORD_HTTP = re.compile(r"(?P<before>^https?://[^:/@?#]*):(?P<password>[^@/?#]*)@")
IN_QUERY = re.compile(r"(?<=[?&])(?:password|sslpassword)=(?P<password>[^&#]*)(?:&|$)")
IN_TEXT = re.compile(r"(?P<before>://[^\s:/@]*):\S+@")

_complete: dict[str, str] = {}  # address without password → as it was given to this process


def without_password(address: str) -> str:
    """The address without its password, whether it stands before the host or in the query."""
    for pattern in (USER_AND_PASSWORD, USER_AND_PASSWORD_HTTP):
        address = pattern.sub(r"\g<before>@", address)
    return IN_QUERY.sub("", address).rstrip("?&")


def with_password(address: str) -> str:
    """The address with the password that this process was given for it; unchanged if it was given none."""
    return _complete.get(address, address)


def hide_passwords(text: str) -> str:
    """The text with *** in place of each password: those that this process was given, and any in an address."""
    for password in sorted(_passwords(), key=len, reverse=True):
        text = text.replace(password, HIDDEN)
    return IN_TEXT.sub(rf"\g<before>:{HIDDEN}@", text)


def _remember(address: str) -> str:
    bare = without_password(address)
    if bare != address:
        if re.match(r"[^/?#]*@[^/?#]*@", bare.partition("://")[2]):
            raise plain("an @ in the password must be written as %40")
        _complete[bare] = address
    return bare


def _passwords() -> set[str]:
    found = set()
    for address in _complete.values():
        for pattern in (USER_AND_PASSWORD, USER_AND_PASSWORD_HTTP, IN_QUERY):
            found |= {match["password"] for match in pattern.finditer(address)}
    return {form for password in found for form in (password, unquote(password)) if form}


Address = Annotated[str, AfterValidator(_remember)]
