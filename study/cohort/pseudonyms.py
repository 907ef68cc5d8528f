"""Subject names as keyed hashes (`cohort.pseudonymise`).

The same subject has the same name in every study that uses the same key, and without the key nobody can tell who it
is, not even by hashing all likely names: HMAC-SHA256 (RFC 2104) of center and id. The key is a file of the user's own;
no study, tracking store or bundle holds it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import re
import secrets
import unicodedata
from pathlib import Path

from study.config import CohortConfig
from study.errors import ConfigError

LENGTH = 10  # base32 characters, 50 bits: two of 10,000 subjects share a name with probability 4e-8
_KEY = re.compile(r"[0-9a-f]{64}")
_SETTING = "cohort.pseudonym_key"


def key_file(settings: CohortConfig) -> Path:
    """The file with the key: the configured one, or `fadeout/pseudonyms.key` in the user's configuration folder."""
    if settings.pseudonym_key is not None:
        return settings.pseudonym_key
    configuration = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(configuration) / "fadeout" / "pseudonyms.key"


def read_key(path: Path) -> bytes:
    """The key in a file.

    Raises:
        ConfigError: the file is absent, holds no key, or may be read by others.
    """
    try:
        mode, text = path.stat().st_mode, path.read_bytes()[:100].decode("ascii", "replace").strip()
    except FileNotFoundError:
        what = "is missing; restore the key, without which subjects have other names"
        raise ConfigError([f"{_SETTING}: {path} {what}"]) from None
    except OSError as error:
        what = f"cannot be read ({error.strerror}); give a file that you may read"
        raise ConfigError([f"{_SETTING}: {path} {what}"]) from None
    if mode & 0o077:
        raise ConfigError([f"{_SETTING}: {path} may be read by others; chmod 600 it"])
    if not _KEY.fullmatch(text):
        what = (
            "holds no key, 64 hexadecimal digits; restore it, or name a file that does not exist to make one"
        )
        raise ConfigError([f"{_SETTING}: {path} {what}"])
    return bytes.fromhex(text)


def read_or_make_key(path: Path) -> bytes:
    """The key in a file, which is made (0600) if there is none; raises ConfigError like `read_key`."""
    if not path.exists():
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _make_key(path)
        except OSError as error:
            what = f"cannot be written ({error.strerror}); choose another place"
            raise ConfigError([f"{_SETTING}: {path} {what}"]) from None
    return read_key(path)


def pseudonym(key: bytes, center: str, identity: str) -> str:
    """The name of a subject; composed and decomposed letters count as equal."""
    parts = [unicodedata.normalize("NFC", part) for part in ("subject", center, identity)]
    digest = hmac.new(key, json.dumps(parts).encode(), hashlib.sha256).digest()
    return base64.b32encode(digest).decode()[:LENGTH]


def _make_key(path: Path) -> None:
    """Write a new key whole or not at all; another process's, written meanwhile, stays."""
    aside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(aside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(32) + "\n")
            file.flush()
            os.fsync(descriptor)
        if not path.exists():
            os.link(aside, path)
    except FileExistsError:
        return
    finally:
        aside.unlink()
