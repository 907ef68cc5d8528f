"""The winner in MLflow's model registry: a model of the study's name, whose alias `champion` is the winner."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path

from study.config import Config
from study.machine.temporary import temporary_folder
from study.records import StudyFolder
from study.tracking.history import History
from study.tracking.sender import STUDY, TRIAL
from study.tracking.store import RunStore

ALIAS = "champion"
DIGEST = "fadeout.bundle"  # tag of a version: what it was made from


def champion_address(name: str) -> str:
    """What `mlflow.pyfunc.load_model` loads the winner of a study by."""
    return f"models:/{name}@{ALIAS}"


class Registry:
    """The registry of the store that a study is sent to; connects at once. Raises whatever MLflow raises.

    Args:
        config: of the study, which has been sent.
        folder: of the study.
    """

    def __init__(self, config: Config, folder: StudyFolder) -> None:
        self._name = config.study.name
        self._store = RunStore(config.tracking, folder)
        (self._run,) = (
            run
            for trial, run in self._store.runs(
                "fadeout.study_id", History(folder).study_id, TRIAL, ()
            ).items()
            if trial == STUDY
        )

    def has(self, digest: str) -> bool:
        """Whether the champion was made from this."""
        return self._store.model_tags(self._name, ALIAS).get(DIGEST) == digest

    def register(
        self, bundle: Path, sequences: Sequence[str], trial: int, digest: str, *, lesion: bool
    ) -> None:
        """Store a bundle as a new version of the model, and let the alias name it.

        Args:
            bundle: its folder.
            sequences: that the bundle takes.
            trial: that it is of.
            digest: of what it was made from.
            lesion: whether the lesion's mask may be given.
        """
        with temporary_folder("champion") as temporary:
            model = temporary / "model"
            _save(bundle, sequences, model, lesion=lesion)
            tags = {"fadeout.trial": str(trial), DIGEST: digest}
            self._store.register(self._run, model, f"{ALIAS}/{digest}", self._name, ALIAS, tags)


def _save(bundle: Path, sequences: Sequence[str], out: Path, *, lesion: bool) -> None:
    """Write the model as MLflow keeps one."""
    from mlflow.models import ModelSignature
    from mlflow.pyfunc import save_model
    from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema

    with _without_advice():
        from study.tracking import served

    taken = [*sequences, *([served.LESION] if lesion else [])]
    given = [ColSpec("string", name, required=False) for name in taken]
    found = [
        ColSpec(kind, name)
        for name, kind in (
            ("volume_ml", "double"),
            ("components", "long"),
            ("mask", "string"),
            ("remarks", "string"),
            ("warnings", "string"),
        )
    ]
    signature = ModelSignature(
        Schema(given), Schema(found), ParamSchema([ParamSpec(served.OUT, "string", "")])
    )
    with _without_advice():
        save_model(
            str(out),
            python_model=str(served.__file__),
            artifacts={served.BUNDLE: str(bundle)},
            signature=signature,
            pip_requirements=[f"fadeout=={metadata.version('fadeout')}"],
        )


@contextmanager
def _without_advice() -> Iterator[None]:
    """Without MLflow's advice on writing such a model, which is not for who runs a study."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        yield
