"""Names that data sets have for one and the same sequence: `t1n`, `T1W` and `mprage` are all T1."""

from __future__ import annotations

from collections.abc import Collection

SYNONYMS = {
    "T1": ("T1", "T1n", "T1w", "MPRAGE"),
    "T1c": ("T1c", "T1ce", "T1Gd", "T1wKS"),
    "T2": ("T2", "T2w"),
    "FLAIR": ("FLAIR", "T2f"),
    "PD": ("PD", "PDw"),
}
"""The name that the field uses most, and all that mean the same; case does not matter."""

_MEANING = {name.casefold(): sequence for sequence, names in SYNONYMS.items() for name in names}


def sequence_named(name: str, configured: Collection[str]) -> str:
    """How the configuration calls a sequence that a data set calls `name`; else the usual name.

    Example:
        >>> sequence_named("t2f", ["T1", "FLAIR"])
        'FLAIR'
        >>> sequence_named("t1ce", ["T1", "T1CE"])
        'T1CE'
        >>> sequence_named("dwi", [])
        'DWI'
    """
    meaning = _MEANING.get(name.casefold())
    exact = [other for other in configured if other.casefold() == name.casefold()]
    alike = [other for other in configured if meaning and _MEANING.get(other.casefold()) == meaning]
    return next(iter([*exact, *alike]), meaning or name.upper())
