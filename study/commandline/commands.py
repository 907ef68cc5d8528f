"""All commands in the order of their use, each with what it does in one line."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec

__all__ = ["COMMANDS", "module_of"]

COMMANDS: Mapping[str, str] = {
    "study.cohort check": "Read every file of a cohort; print what each center has, and everything that is wrong.",
    "study.appearance": "Print what tells real DWI and ADC from simulated ones, in numbers.",
    "study.phantoms write": "Write simulated scans to a folder, to try the commands on without scans of your own.",
    "study.plan": "Print the spacing, patch and network that a configuration leads to.",
    "study.models": "Measure the parameters, FLOPs and memory of networks.",
    "study.run": "Search for the model that holds up at an unseen center with a sequence missing.",
    "study.series": "Run several studies that belong together, such as one for each center that is left out.",
    "study.status": "Tell where a study stands, while it runs or after.",
    "study.stop": "End a running study gracefully.",
    "study.train": "Train one network; only its post-processing is searched.",
    "study.adopt": "Judge a network that was trained elsewhere, as a study without training.",
    "study.evaluate": "Score a trained network, center by center, with each sequence missing.",
    "study.postprocess": "Search a finished study's post-processing again, with another objective or space.",
    "analysis.compare": "Compare two studies' winners on the same test subjects.",
    "analysis.systems": "Put many systems side by side, by occlusion.",
    "analysis.report": "Write a study's report as one HTML page that opens offline.",
    "analysis.rows": "Write the results of a study's trials as CSV, for a spreadsheet.",
    "study.sync": "Send to MLflow what it lacks of a study.",
    "study.export": "Write the bundle of a study's winner, ready for study.predict.",
    "study.predict": "Predict with a bundle from any subset of its modalities.",
    "study.validate": "Set the masks of bundles beside reference masks, scan by scan: external validation.",
}
"""What is typed behind `python -m`, to what it does."""


def module_of(called: str) -> str:
    """The module of a command, which has its `COMMAND` and its `main`."""
    name = called.partition(" ")[0]
    spec = find_spec(name)
    return f"{name}.__main__" if spec is not None and spec.submodule_search_locations else name
