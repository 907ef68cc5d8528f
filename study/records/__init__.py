"""The files of a study on disk: what each holds; written atomically, validated when read.

Only this package opens the files. Each is an attribute of its folder and has a type::

    folder = StudyFolder.find(Path("studies"), "gradual")
    folder.prepared.read().splits.train
    folder.trial(3).result.read()

::

    <study.root>/<study.name>/
      config.json              the resolved configuration
      prepared.json            splits, facts of the subjects, cache addresses, spacing, landmarks, adopted network
      subjects.csv             key, id, patient, center, files: private, never tracked or exported
      start.json  start.safetensors   weights that trials start from (transfer.source)
      report.html              the report, written when the study ends (analysis.report)
      summary.json             how the trials ended, and which one won
      tracking.json            identity of the study in MLflow, what it has, and why the last sending failed
      finished.jsonl           one line per trial that ended, in that order
      optuna.db                the search, unless tuning.storage is another database or nothing is searched
      mlflow.db  mlartifacts/  the default MLflow store, if MLflow tracks the study
      driver.json              who drives the study, or did so last
      study.log  study.log.1   what was said and logged, across all runs; the older lines apart
      .lock  tracking.lock     held by the process that drives the study, and by the one that sends it to MLflow
      .tune/                   files of Ray Tune while the search runs
      trials/0003/
        parameters.json        the values that the search chose, by dotted path
        epochs.jsonl           one line per epoch
        checkpoint.pt          state after the last epoch: a digest, then model, optimiser, random states
        checkpoint-before.pt   the checkpoint before it, in case that one is damaged
        pretraining.jsonl  pretraining.pt  pretraining-before.pt   the same for the first of two trainings
                               (model.unified.pretraining_epochs)
        weights.safetensors    the trained network
        probabilities/         kept validation probabilities, <key>_<subset>.npz
        postprocessing.json    the post-processing that the trial fitted, with curves
        postprocessing-1.json  postprocessing-1.png   a later fit by study.postprocess, and its figure
        postprocessing-applied.json   number of the fit in force, if not the trial's own
        rows.parquet           one row per test subject and availability subset
        evaluation-own.parquet      rows of study.evaluate on the study's own test subjects
        evaluation-cohort.parquet   rows of study.evaluate on another cohort
        overlays.npz           one slice per center with reference and prediction
        examples.npz           masks of the best, median and worst test subject of each center
        result.json            how the trial ended; written last
      ensemble/                the mean of several trials, if one was asked for (ensemble.members)
        postprocessing.json    the post-processing that was fitted on the mean
        rows.parquet           one row per test subject and availability subset
        ensemble.json          which trials, how often each counts, and how good it is; written last
      rule/                    a rule without training, where the scans have DWI or ADC (evaluation.rule): files as of
        rule.json              the ensemble, and its limits and objective; written last
      replicates/0000/         a trial that is trained again with another seed: files as of a trial, and
        replicate.json         which trial it repeats, and its seed
"""

from __future__ import annotations

from study.records.files import StoredFile, content_digest
from study.records.folders import StudyFolder
from study.records.prepared import PreparedStudy, PreparedSubject
from study.records.ranking import (
    Ranking,
    common_reason,
    complete_trial,
    complete_trials,
    find_winner,
    replicates_of,
)
from study.records.results import CompleteTrial, FailedTrial, PrunedTrial, Replicate, TrialResult
from study.records.summary import Summary
from study.records.tracking import Finished, TrackingHistory
from study.records.trial import TrialFolder

__all__ = [
    "CompleteTrial",
    "FailedTrial",
    "Finished",
    "PreparedStudy",
    "PreparedSubject",
    "PrunedTrial",
    "Ranking",
    "Replicate",
    "StoredFile",
    "StudyFolder",
    "Summary",
    "TrackingHistory",
    "TrialFolder",
    "TrialResult",
    "common_reason",
    "complete_trial",
    "complete_trials",
    "content_digest",
    "find_winner",
    "replicates_of",
]
