"""The commands as Python functions: they take settings as on the command line and return a study."""

from __future__ import annotations

from study.commandline.composition import compose as compose_arguments
from study.commandline.composition import compose_settings, read_settings
from study.commandline.progress import Lines, Say
from study.config import Config
from study.workflow import study
from study.workflow.loaded import LoadedStudy

TRAINED_ONCE = {"study.trials": "1", "study.name": "train"}  # as in study.train


def compose(*arguments: str) -> Config:
    """Compose the configuration: `compose("search_space=gradual", "trainer.epochs=50")`.

    Raises:
        ConfigError: every mistake at once, each with its path.
    """
    return compose_arguments(arguments)


def run_study(*arguments: str, say: Say = print) -> LoadedStudy:
    """Run a study, as `python -m study.run` does, and load it.

    Args:
        arguments: as on the command line.
        say: receives progress and the closing report.

    Raises:
        FadeoutError: the settings, the data or the study's folder are invalid.
    """
    return LoadedStudy(study.run_study(compose(*arguments), Lines(say)))


def train_once(*arguments: str, say: Say = print) -> LoadedStudy:
    """Train one network in this process, as `python -m study.train` does, and load the study of one trial.

    Arguments and exceptions are those of `run_study`.
    """
    given = read_settings(arguments)
    config = compose_settings(given._replace(pairs={**TRAINED_ONCE, **given.pairs}))
    return LoadedStudy(study.train_once(config, Lines(say)))
