"""Simulated patients: procedural brains, MR physics, six centers for strokes and six for tumours and MS.

Read in this order: centers and structural_centers (who), roster (which files), brain, shapes, cortex, anatomy and
icbm152 (healthy brains), tissue and physics (signals), vessels, lesions and distractors (strokes), dirt (disorder),
acquisition and distortion (scanners), session, diffusion and susceptibility (images), simulate (one subject), write
(files). Then altered, tumours and plaques (the other diseases), structural_images and structural (their images, one
subject), and layouts (files of public data sets).
"""

from __future__ import annotations

from pathlib import Path

from study.config import Phantom
from study.machine.progress import Progress, unwatched
from study.phantoms.roster import PhantomFiles, PhantomSubject, phantom_files, phantom_folder, phantom_roster

__all__ = [
    "PhantomFiles",
    "PhantomSubject",
    "phantom_files",
    "phantom_folder",
    "phantom_roster",
    "simulate_phantoms",
]


def simulate_phantoms(settings: Phantom, root: Path, progress: Progress = unwatched) -> None:
    """Write every phantom that does not exist yet, in parallel; does nothing when the cohort is complete.

    Args:
        settings: which phantoms, and how they are simulated.
        root: folder of all simulated cohorts; this one gets a folder of its own in it (`phantom_folder`).
        progress: told of each phantom that is written.

    Raises:
        ConfigError: the anatomy needs a package that is not installed.
        OSError: the folder cannot be written or the disk is full; subjects that are complete stay.
    """
    from study.phantoms.write import write_cohort

    if settings.anatomy == "icbm152":
        from study.phantoms.icbm152 import require_icbm152

        require_icbm152()
    write_cohort(settings, phantom_folder(settings, root), progress)
