"""What is lost with each file of a study, and what to do: the end of the message that a file is damaged."""

from __future__ import annotations

AGAIN = (
    "with config.json, and repeat the study's first command without resume=true; trials that have ended stay as they "
    "are"
)
CONFIG = (
    "the study's settings are lost; restore it from a copy, or remove it and repeat the study's first command, with "
    "the same settings and without resume=true; trials that have ended stay as they are"
)
PREPARED = f"the splits are lost; restore it from a copy, or remove it together {AGAIN}"
SUBJECTS = (
    f"which files a pseudonym stands for is lost; restore it from a copy, or remove it together {AGAIN}"
)
START = f"the weights that trials start from are lost; restore it from a copy, or remove it together {AGAIN}"
SUMMARY = "nothing is lost; remove it and resume the study with resume=true, which writes it again"
DRIVER = "only who runs the study, or ran it last, is lost; remove it"
TRACKING = "the study's identity in MLflow is lost; remove it, and study.sync sends the study once more, as a new run"
PARAMETERS = (
    "the values that the search chose for this trial are lost; restore it from a copy, or write them again, as "
    '{"dotted.path": value}, from what MLflow shows of the trial'
)
REPORT = "nothing is lost; remove it, and analysis.report writes it again"
REPLICATE = (
    "which trial this repeats is lost; restore it from a copy, or write it again, as "
    '{"trial": 3, "seed": 1}, from what MLflow shows of the replicate'
)
RESULT = (
    "how the trial ended is lost, its other files are not; restore it from a copy, or remove it and resume the study "
    "with resume=true, which judges the trial again"
)
FINISHED = "the order in which trials ended is lost, their results are not; remove it, and study.sync sends all again"
FIT = "the trial's post-processing is lost; restore it from a copy, or go on with another trial (trial=…)"
LATER_FIT = (
    "this fit is lost, the trial's own is not; remove it, and postprocessing-applied.json too, and search again with "
    "study.postprocess"
)
APPLIED = (
    "which fit is in force is lost; remove it, and the trial's own fit is in force until study.postprocess applies "
    "another"
)
ROWS = (
    "the trial's test results are lost, its network is not; restore it from a copy, or remove it, score the trial "
    "again with study.evaluate and copy evaluation-own.parquet here"
)
ENSEMBLE = "only the ensemble is lost; remove the folder ensemble, and make it again with resume=true"
RULE = "only the rule without training is lost; remove the folder rule, and judge it again with resume=true"
EVALUATION = "only this evaluation is lost; repeat it with study.evaluate"
EXAMPLES = "only masks for the report are lost; remove it, and the report is written without these pictures"
OVERLAYS = "only pictures are lost; remove it, and the trial is shown without them"
WEIGHTS = "the trained network is lost; restore it from a copy, or go on with another trial (trial=…)"
EPOCHS = (
    "the trial's curves are lost, its results are not; remove it (a trial that has not ended lists its epochs again "
    "from its checkpoint when it is resumed)"
)
KEPT = (
    "study.postprocess cannot search this trial again, its results are untouched; restore the file from a copy, or go "
    "on with another trial (trial=…)"
)
CHECKPOINT = (
    "the state of the training is lost; remove it, and the training continues from the checkpoint before it"
)
