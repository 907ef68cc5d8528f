"""From data sets on disk to one cohort: list, check, pseudonymise."""

from __future__ import annotations

import re
import secrets
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from study.cohort.aliases import find_stand_ins, substitute
from study.cohort.checks import find_problems
from study.cohort.mixups import find_mixups, refusals, trusted
from study.cohort.pseudonyms import key_file, pseudonym, read_key, read_or_make_key
from study.cohort.records import Cohort, Entry, Listing, Subject
from study.config import CohortConfig
from study.config.parts import find_part
from study.errors import CohortError, Problem, Remark
from study.machine.progress import Progress, unwatched

PHANTOM = "phantom"  # the one reader whose files are made here, if need be


def load_cohort(settings: CohortConfig, phantom_root: Path, progress: Progress = unwatched) -> Cohort:
    """All subjects of all sources; phantoms that do not exist yet are simulated.

    Args:
        settings: the section `cohort`.
        phantom_root: folder of all simulated cohorts.
        progress: told of each phantom that is simulated.

    Raises:
        CohortError: every problem of every subject. With `cohort.on_error=skip` such subjects are left out
            and counted; a source that cannot be listed, names that may be mixed up (unless `cohort.names=trust`), or a
            cohort without subjects, remains an error.
    """
    if PHANTOM in settings.sources:
        from study.phantoms import simulate_phantoms

        plan_cohort(settings, phantom_root)  # reports mistakes in other sources before the long simulation
        simulate_phantoms(settings.phantom, phantom_root, progress)
    secret = read_or_make_key(key_file(settings)) if settings.pseudonymise else None
    return _join(settings, phantom_root, secret, phantoms_on_disk=True)


def plan_cohort(settings: CohortConfig, phantom_root: Path) -> Cohort:
    """The cohort of `load_cohort` without simulating phantoms: their files need not exist.

    Where `cohort.pseudonymise` has no key yet, none is made, and names are for this once.
    """
    secret = None
    if settings.pseudonymise:
        path = key_file(settings)
        secret = read_key(path) if path.exists() else secrets.token_bytes(32)
    return _join(settings, phantom_root, secret, phantoms_on_disk=False)


def _join(
    settings: CohortConfig, phantom_root: Path, secret: bytes | None, *, phantoms_on_disk: bool
) -> Cohort:
    phantom = settings.phantom.model_copy(update={"root": phantom_root})
    settings = settings.model_copy(update={"phantom": phantom})
    entries: list[Entry] = []
    failures: list[Problem] = []
    remarks: list[Remark] = []
    for source in dict.fromkeys(settings.sources):
        try:
            listed = _list_source(source, settings)
        except CohortError as error:
            failures += error.problems
        else:
            pending = source == PHANTOM and not phantoms_on_disk
            entries += [replace(entry, pending=pending) for entry in listed.entries]
            remarks += listed.remarks
    entries.sort(key=_order)
    subjects = _numbered(entries) if secret is None else _hashed(entries, secret)
    mixups = find_mixups(subjects)
    if settings.names == "trust":
        remarks += trusted(mixups)
    else:
        failures += refusals(mixups)
    named = [replace(entry, id=subject.label) for entry, subject in zip(entries, subjects, strict=True)]
    checked = zip(subjects, find_problems(named, settings), strict=True)
    problems = [[subject.shown(problem) for problem in several] for subject, several in checked]
    found = tuple(problem for several in problems for problem in several)
    if failures or (found and settings.on_error == "stop"):
        raise CohortError([*failures, *found])
    kept = tuple(subject for subject, wrong in zip(subjects, problems, strict=True) if not wrong)
    if not kept:
        nothing = Problem("cohort", None, "no subject is left", "fix the problems above, or add a source")
        raise CohortError([*found, nothing])
    return Cohort(kept, skipped=len(entries) - len(kept), problems=found, remarks=tuple(remarks))


def _list_source(source: str, settings: CohortConfig) -> Listing:
    """What a reader lists, with absolute paths and stand-ins; raises CohortError where it cannot read its source."""
    try:
        listed: Listing = find_part("readers", source)(settings)
    except OSError as error:
        file = Path(error.filename) if error.filename else None
        what, remedy = f"cannot be listed ({error.strerror})", "allow reading it, or correct the path"
        raise CohortError([Problem(f"cohort.{source}", file, what, remedy)]) from None
    return replace(listed, entries=tuple(settled(entry, settings) for entry in listed.entries))


def settled(entry: Entry, settings: CohortConfig) -> Entry:
    """The entry with absolute paths, and with stand-ins in place of absent modalities."""
    images = {name: path.absolute() for name, path in entry.images.items()}
    masks = {name: path.absolute() for name, path in entry.masks.items()}
    stand_ins = find_stand_ins(images, settings.modality_aliases)
    return replace(entry, images=substitute(images, stand_ins), masks=masks, stand_ins=stand_ins)


def _order(entry: Entry) -> tuple[str, str, str, list[tuple[str, str]]]:
    files: Mapping[str, Path] = {**entry.images, **entry.masks}
    return entry.center, entry.id, entry.patient, sorted((name, str(path)) for name, path in files.items())


def _hashed(entries: Sequence[Entry], secret: bytes) -> list[Subject]:
    """Subjects with keys `CENTER-K3J5QZ7TXA`; raises CohortError where two share a key."""
    subjects = [
        entry.with_key(
            f"{key_prefix(entry.center)}-{pseudonym(secret, entry.center, entry.id)}", pseudonymous=True
        )
        for entry in entries
    ]
    owners: dict[str, tuple[str, str]] = {}
    for one in subjects:
        if owners.setdefault(one.key.casefold(), (one.center, one.id)) != (one.center, one.id):
            what = "two subjects have this name, by chance"
            raise CohortError([Problem(one.key, None, what, "use another cohort.pseudonym_key")])
    return subjects


def _numbered(entries: Sequence[Entry]) -> list[Subject]:
    """Subjects with keys `CENTER-0001`, numbered in the given order, unique even where case is ignored."""
    numbers: Counter[str] = Counter()
    subjects = []
    for entry in entries:
        prefix = key_prefix(entry.center)
        numbers[prefix.casefold()] += 1
        subjects.append(entry.with_key(f"{prefix}-{numbers[prefix.casefold()]:04d}"))
    return subjects


def key_prefix(center: str) -> str:
    """A center's name as it may stand in file names: ASCII letters, digits and underscores."""
    plain = unicodedata.normalize("NFKD", center).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9]+", "_", plain).strip("_") or "center"
