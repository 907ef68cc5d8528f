"""Simulated stroke patients: procedural brains, MR physics, six centers (each explained in its module).

Read in this order: centers (who), roster (which files), brain, shapes, cortex and anatomy (healthy brains), tissue and
physics (signals), vessels, lesions and distractors (what is wrong), acquisition and distortion (scanners), session,
diffusion and susceptibility (images), simulate (one subject), write (files).
"""

from __future__ import annotations

from study.cohort.phantom.roster import list_phantoms, phantom_folder
from study.config import Config

__all__ = ["list_phantoms", "phantom_folder", "simulate_phantoms"]


def simulate_phantoms(config: Config) -> None:
    """Write every phantom that is not there yet, in parallel; nothing to do when the cohort is complete.

    Raises:
        OSError: the folder cannot be written or the disk is full; what is complete stays.
    """
    from study.cohort.phantom.write import write_cohort

    write_cohort(config)
