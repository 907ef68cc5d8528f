"""Registers the winner of a study that has been sent to MLflow."""

from __future__ import annotations

from study.config import Config, hide_passwords
from study.errors import StudyError
from study.machine.temporary import temporary_folder
from study.records import StudyFolder
from study.records.files import content_digest


def register_champion(config: Config, folder: StudyFolder) -> str | None:
    """Store the winner's bundle as the champion of the study's registered model, unless it is that already.

    Returns:
        What `mlflow.pyfunc.load_model` loads it by; None if the study has no winner with weights, or MLflow does not
        have the study.

    Raises:
        StudyError: the trial's files are damaged, or MLflow refuses the model.
    """
    known, summary = folder.tracking.read_if_there(), folder.summary.read_if_there()
    if (
        not config.tracking.by_mlflow
        or known is None
        or known.failure
        or summary is None
        or summary.winner is None
    ):
        return None
    trial = folder.trial(summary.winner)
    if not trial.weights.exists:
        return None
    from study.deployment.bundle import write_bundle
    from study.tracking.champion import Registry, champion_address
    from study.workflow.export import trial_contents

    digest = content_digest([trial.weights, *trial.fits.files, trial.rows], extra=str(trial.number))
    with folder.tracked(), temporary_folder("champion") as temporary:
        try:
            registry = Registry(config, folder)
            if not registry.has(digest):
                contents, bundle = trial_contents(folder), temporary / "bundle"
                write_bundle(bundle, contents.manifest, contents.weights, contents.card)
                lesion = contents.manifest.target == "thrombus"
                registry.register(bundle, contents.manifest.sequences, trial.number, digest, lesion=lesion)
        except StudyError:
            raise
        except Exception as error:  # whatever MLflow, its database or its server raise
            reason = str(error).strip().partition("\n")[0][:200]
            text = f"tracking: the winner could not be registered ({type(error).__name__}: {reason})"
            raise StudyError(hide_passwords(text)) from error
    return champion_address(config.study.name)
