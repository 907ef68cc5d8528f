"""The vocabulary: every setting, its type, its default and its legal range; one file a section.

The dotted path of a field (`modality_dropout.drop_probability`) is at once its command-line override, its
search-space key, its MLflow parameter and its key in `parameters.json`.
"""

from __future__ import annotations

from study.config.addresses import Address, hide_passwords, with_password
from study.config.cohort import CohortConfig, Source
from study.config.config import Config, is_own, is_setting, legal_keys, validate
from study.config.dirt import Dirt
from study.config.evaluation import Average, Blending, Evaluation, MirrorAxis, Subsets
from study.config.imaging import Imaging, Interpolation, Normalisation
from study.config.lesion import Lesion
from study.config.modalities import join_modalities, split_modalities
from study.config.modality_dropout import ModalityDropout
from study.config.model import Model
from study.config.objective import Goal, Objective
from study.config.postprocessing import Grow, KeepBiggest, NearLesion, Postprocessing, RemoveSmall, Step
from study.config.schedule import Schedule
from study.config.section import Count, Fraction, Positive, Section
from study.config.sources import Phantom
from study.config.splits import SplitsConfig
from study.config.study import Study, StudyPlace
from study.config.technique import Cotraining, Distillation, Filler, Head, Imputation, Ranking, Transfer
from study.config.tracking import Tracking
from study.config.trainer import Trainer
from study.config.tuning import Tuning

__all__ = [
    "Address",
    "Average",
    "Blending",
    "CohortConfig",
    "Config",
    "Cotraining",
    "Count",
    "Dirt",
    "Distillation",
    "Evaluation",
    "Filler",
    "Fraction",
    "Goal",
    "Grow",
    "Head",
    "Imaging",
    "Imputation",
    "Interpolation",
    "KeepBiggest",
    "Lesion",
    "MirrorAxis",
    "ModalityDropout",
    "Model",
    "NearLesion",
    "Normalisation",
    "Objective",
    "Phantom",
    "Positive",
    "Postprocessing",
    "Ranking",
    "RemoveSmall",
    "Schedule",
    "Section",
    "Source",
    "SplitsConfig",
    "Step",
    "Study",
    "StudyPlace",
    "Subsets",
    "Tracking",
    "Trainer",
    "Transfer",
    "Tuning",
    "hide_passwords",
    "is_own",
    "is_setting",
    "join_modalities",
    "legal_keys",
    "split_modalities",
    "validate",
    "with_password",
]
