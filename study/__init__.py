"""Fadeout's Python interface: the commands as functions.

::

    from study import load_bundle, load_study, run_study

    study = run_study("search_space=gradual", "study.name=mine", "cohort=manifest", "cohort.path=scans.csv")
    study.table()                       # mean Dice by center and removed sequence
    study.export("mine-bundle")

    load_study("studies/mine").trials() # later, or while it runs

    bundle = load_bundle("mine-bundle")
    bundle.predict({"DWI": "dwi.nii.gz", "ADC": "adc.nii.gz"}).write("mask.nii.gz")

In a script, the calls stand below `if __name__ == "__main__":`, since the processes that prepare scans read the
script again. Errors in settings or data raise a `FadeoutError` (see `study.errors`). Names are imported on first use,
so that commands start quickly.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from study.deployment.prediction import Prediction
    from study.deployment.predictor import Bundle, load_bundle
    from study.errors import FadeoutError
    from study.workflow.interface import compose, run_study, train_once
    from study.workflow.loaded import LoadedStudy, load_study

__version__ = "0.1.0"

__all__ = [
    "Bundle",
    "FadeoutError",
    "LoadedStudy",
    "Prediction",
    "compose",
    "load_bundle",
    "load_study",
    "run_study",
    "train_once",
]

_WHERE = {
    "Bundle": "study.deployment.predictor",
    "FadeoutError": "study.errors",
    "LoadedStudy": "study.workflow.loaded",
    "Prediction": "study.deployment.prediction",
    "compose": "study.workflow.interface",
    "load_bundle": "study.deployment.predictor",
    "load_study": "study.workflow.loaded",
    "run_study": "study.workflow.interface",
    "train_once": "study.workflow.interface",
}


def __getattr__(name: str) -> Any:
    """Import a public name on first use."""
    if name not in _WHERE:
        raise AttributeError(f"module 'study' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_WHERE[name]), name)
