"""From data sets on disk to one cohort: list, check, pseudonymise."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from study.cohort.aliases import find_stand_ins, substitute
from study.cohort.bids import list_bids
from study.cohort.checks import find_problems
from study.cohort.isles2022 import list_isles2022
from study.cohort.manifest import list_manifest
from study.cohort.nnunet import list_nnunet
from study.cohort.records import Cohort, Entry, Subject
from study.config import CohortConfig, Config, Source
from study.errors import CohortError, Problem


def _list_phantoms(config: Config) -> list[Entry]:
    from study.cohort.phantom import list_phantoms

    return [
        Entry(
            id=phantom.id,
            patient=phantom.patient,
            center=phantom.center,
            images=phantom.images,
            masks=phantom.masks,
            occlusion=phantom.occlusion,
            control=phantom.control,
        )
        for phantom in list_phantoms(config)
    ]


# A layout is one file with a function from the configuration to entries, and one line here.
READERS: dict[Source, Callable[[Config], list[Entry]]] = {
    "phantom": _list_phantoms,
    "isles2022": list_isles2022,
    "nnunet": list_nnunet,
    "bids": list_bids,
    "manifest": list_manifest,
}


def load_cohort(config: Config) -> Cohort:
    """All subjects of all sources; phantoms that are not there yet are simulated.

    Raises:
        CohortError: every problem of every subject. With `cohort.on_error=skip` such subjects are left out
            and counted; a source that cannot be listed, or a cohort without subjects, is an error still.
    """
    if "phantom" in config.cohort.sources:
        from study.cohort.phantom import simulate_phantoms

        plan_cohort(config)  # other sources' mistakes are told before the simulation starts
        simulate_phantoms(config)
    return _join(config, phantoms_on_disk=True)


def plan_cohort(config: Config) -> Cohort:
    """The same subjects, without simulating phantoms: their files need not exist."""
    return _join(config, phantoms_on_disk=False)


def _join(config: Config, *, phantoms_on_disk: bool) -> Cohort:
    entries: list[Entry] = []
    pending: set[int] = set()  # identities of phantom entries that are not on disk yet
    failures: list[Problem] = []
    for source in dict.fromkeys(config.cohort.sources):
        try:
            listed = [_settled(entry, config.cohort) for entry in READERS[source](config)]
        except CohortError as error:
            failures += error.problems
        except OSError as error:
            file = Path(error.filename) if error.filename else None
            remedy = "allow reading it, or correct the path"
            failures.append(Problem(f"cohort.{source}", file, f"cannot be listed ({error.strerror})", remedy))
        else:
            entries += listed
            if source == "phantom" and not phantoms_on_disk:
                pending |= {id(entry) for entry in listed}
    entries.sort(key=_order)
    problems = find_problems(entries, config.cohort, on_disk=lambda entry: id(entry) not in pending)
    found = [problem for several in problems for problem in several]
    if failures or (found and config.cohort.on_error == "stop"):
        raise CohortError([*failures, *found])
    subjects = zip(_pseudonymise(entries), problems, strict=True)
    kept = tuple(subject for subject, wrong in subjects if not wrong)
    if not kept:
        nothing = Problem("cohort", None, "no subject is left", "mend the problems above, or add a source")
        raise CohortError([*found, nothing])
    return Cohort(kept, skipped=len(entries) - len(kept), problems=tuple(found))


def _settled(entry: Entry, settings: CohortConfig) -> Entry:
    """With absolute paths, and with stand-ins in the place of absent modalities."""
    images = {name: path.absolute() for name, path in entry.images.items()}
    masks = {name: path.absolute() for name, path in entry.masks.items()}
    stand_ins = find_stand_ins(images, settings.modality_aliases)
    return replace(entry, images=substitute(images, stand_ins), masks=masks, substituted=stand_ins)


def _order(entry: Entry) -> tuple[str, str, str, list[tuple[str, str]]]:
    files: Mapping[str, Path] = {**entry.images, **entry.masks}
    return entry.center, entry.id, entry.patient, sorted((name, str(path)) for name, path in files.items())


def _pseudonymise(entries: list[Entry]) -> list[Subject]:
    """Subjects with keys `CENTER-0001`, numbered in the order given, unique even where case is ignored."""
    numbers: Counter[str] = Counter()
    subjects = []
    for entry in entries:
        prefix = key_prefix(entry.center)
        numbers[prefix.casefold()] += 1
        key = f"{prefix}-{numbers[prefix.casefold()]:04d}"
        subjects.append(
            Subject(
                id=entry.id,
                patient=entry.patient,
                center=entry.center,
                key=key,
                images=entry.images,
                masks=entry.masks,
                occlusion=entry.occlusion,
                control=entry.control,
                substituted=entry.substituted,
            )
        )
    return subjects


def key_prefix(center: str) -> str:
    """A center's name as it may stand in file names: ASCII letters, digits and underscores."""
    plain = unicodedata.normalize("NFKD", center).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9]+", "_", plain).strip("_") or "center"
