"""One fresh brain: simulated, written, read and prepared as a subject of the cohort is, and put into the cache."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from study.cohort.load import settled
from study.cohort.phantoms import phantom_entry
from study.config import CohortConfig
from study.errors import CohortError, StudyError
from study.imaging.entries import EntryRecipe, alone_at
from study.imaging.prepare import certain_mistakes, prepare_subject
from study.imaging.prepared import Prepared
from study.imaging.stored import write_prepared
from study.machine.temporary import temporary_folder
from study.phantoms import PhantomSubject, phantom_folder, phantom_roster
from study.streaming.turns import FreshBrain


@dataclass(frozen=True)
class BrainRecipe:
    """All that fresh brains depend on.

    Attributes:
        cohort: the section of the study.
        entries: how the study prepares subjects, and its cache.
        simulator: identifies the settings and the code of the simulation.
    """

    cohort: CohortConfig
    entries: EntryRecipe
    simulator: str

    @classmethod
    def of(cls, cohort: CohortConfig, entries: EntryRecipe) -> BrainRecipe:
        """The recipe with the simulator as it is."""
        return cls(cohort, entries, phantom_folder(cohort.phantom, Path()).name)

    def entry(self, brain: FreshBrain) -> Path:
        """The folder of a brain in the cache; it need not be there yet."""
        return self.entries.fresh_entry(
            {
                "simulator": self.simulator,
                "phantom": brain.phantom,
                "generation": brain.generation,
                "aliases": self.cohort.modality_aliases,
            }
        )


def make_brain(recipe: BrainRecipe, brain: FreshBrain) -> bool:
    """Make a brain, unless it is in the cache; one that another process is making is waited for.

    Returns:
        Whether it was made here.

    Raises:
        CohortError: it cannot be prepared.
        ConfigError: the anatomy needs a package that is not installed.
        StudyError: the roster has no such phantom.
        OSError: the disk is full or cannot be written.
    """
    folder = recipe.entry(brain)
    with alone_at(folder):
        if folder.is_dir():
            return False
        with temporary_folder("brain") as scans:
            write_prepared(_prepared(recipe, brain, scans), folder)
    return True


def _prepared(recipe: BrainRecipe, brain: FreshBrain, scans: Path) -> Prepared:
    from study.phantoms.write import write_subject

    cohort, entries = recipe.cohort, recipe.entries
    phantom = _phantom(recipe, brain)
    write_subject(phantom, cohort.phantom, scans)
    subject = settled(phantom_entry(phantom, scans), cohort).with_key(brain.own_key)
    prepared = prepare_subject(subject, entries.protocol, entries.spacing_mm, entries.landmarks)
    if problems := certain_mistakes(prepared, subject, entries.protocol):
        raise CohortError(problems)
    return prepared


def _phantom(recipe: BrainRecipe, brain: FreshBrain) -> PhantomSubject:
    """The phantom to simulate; without its susceptibility images, which come last, where nothing of them is read."""
    roster = {one.id: one for one in phantom_roster(recipe.cohort.phantom)}
    if brain.phantom not in roster:
        raise StudyError(
            f"prepared.json: {brain.phantom} is none of the phantoms that cohort.phantom describes; restore the file"
        )
    phantom = replace(roster[brain.phantom], generation=brain.generation)
    read = {name.casefold() for name in recipe.cohort.sequences}
    shown = any(name.casefold() in read for name in phantom.susceptibility)
    if shown or "thrombus" in recipe.entries.protocol.masks:
        return phantom
    masks = tuple(name for name in phantom.masks if name != "thrombus")
    return replace(phantom, susceptibility=(), masks=masks)
