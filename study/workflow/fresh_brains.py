"""What fresh brains cost (`cohort.phantom.stream`): how many there are, their time, and their place on the disk."""

from __future__ import annotations

import math
import shutil
from collections.abc import Mapping
from typing import TYPE_CHECKING

from study.config import Config
from study.config.words import number_of
from study.machine.files import nearest_folder
from study.phantoms.centers import STEP_MM
from study.streaming.turns import Turns

if TYPE_CHECKING:
    from study.imaging.cache import PreparedCohort

__all__ = ["brain_lines", "brain_notes"]

# A rough line through what docs/phantoms.md reports: it depends on the grid, and on dirt and anatomy as well.
BRAIN_S, BRAIN_POWER = 7.0, 3.5
BOX_MM3 = 3.4e6  # of the box around a brain, in which a voxel has four bytes for each modality and one for the target


def brain_lines(config: Config) -> list[str]:
    """The forecast: how many fresh brains a training shows, and who makes them; empty without."""
    phantom = config.cohort.phantom
    if not phantom.stream:
        return []
    seconds, most = BRAIN_S * (phantom.dirt.step_mm or STEP_MM[phantom.size]) ** -BRAIN_POWER, _most(config)
    return [
        f"  at most {number_of(most, 'fresh brain')}, one every {phantom.stream_every} iterations "
        "(cohort.phantom.stream_every), each made once on a machine for all trials: about "
        f"{seconds:.1g} s of a core each (assumed), {most * seconds / 3600:.2g} core-hours in all{_room(config, most)}",
        f"  beside each training, cohort.phantom.stream_processes={phantom.stream_processes} make them; a training "
        "that is faster waits, and says so",
    ]


def _room(config: Config, brains: int) -> str:
    """What brains take on the disk, as far as it is known before any is made."""
    if (spacing := config.imaging.spacing_mm) is None:
        return ""
    each = BOX_MM3 / math.prod(spacing) * (4 * len(config.cohort.modalities) + 1)
    return f"; about {brains * each / 1e9:.2g} GB in the cache"


def brain_notes(slots: Mapping[str, str], cached: PreparedCohort, config: Config) -> list[str]:
    """What is known of fresh brains once the subjects whose places they take are prepared; empty without.

    Args:
        slots: these subjects.
        cached: the cohort, in which they are.
        config: of the study.
    """
    if not slots:
        return []
    from study.imaging.fetching import size_of

    phantom, most = config.cohort.phantom, _most(config)
    sizes = [size_of(config.cache_root, cached.entries[key].name) for key in slots]
    gb = most * sum(sizes) / len(sizes) / 1e9
    lines = [
        f"fresh brains: at most {most}, one every {phantom.stream_every} iterations, in the places of "
        f"{number_of(len(slots), 'training subject')} in turn; {gb:.2g} GB in the cache if all are made"
    ]
    free_gb = shutil.disk_usage(nearest_folder(config.cache_root)).free / 1e9
    if gb > free_gb:
        lines.append(
            f"only {free_gb:.2g} GB are free in {config.cache_root}: raise cohort.phantom.stream_every, or set "
            "imaging.cache to a larger disk"
        )
    return lines


def _most(config: Config) -> int:
    """How many brains have taken a place by the last iteration of a training."""
    trainer = config.trainer
    epochs = max(trainer.epochs, config.pretraining_epochs)
    last = epochs * trainer.iterations_per_epoch - 1
    return Turns({}, config.cohort.phantom.stream_every).taken(last)
