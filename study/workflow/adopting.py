"""Turns a network trained elsewhere into a study of one trial, which is judged and exported like any other."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from models import Plan, build_model, find_model, outline
from study.commandline.progress import Show
from study.config import Config
from study.errors import ConfigError
from study.machine.progress import Progress
from study.machine.runtime import Runtime
from study.records import CompleteTrial, StudyFolder
from study.records.prepared import AdoptedNetwork
from study.workflow.foreign import ForeignWeights, NnunetOrigin, read_foreign
from study.workflow.logbook import Logbook, logbook
from study.workflow.resuming import check_resumable

if TYPE_CHECKING:
    from torch import Tensor, nn

WARNING = """\
It is unknown whether the network was trained on some of these subjects. Its results are valid only if none of the
validation and test subjects was used; name them with cohort.splits.kind=fixed cohort.splits.path=…"""


def adopt(config: Config, weights: Path, show: Show) -> StudyFolder:
    """Make a study of a trained network: prepare the scans, judge it, fit its post-processing, test it.

    Args:
        config: of the study; an nnU-Net checkpoint overrides `model.name` and `imaging.spacing_mm`.
        weights: a state dict as `.safetensors`, or nnU-Net's checkpoint.
        show: where progress and the closing report are shown.

    Raises:
        ConfigError: the weights belong to no known network, or do not fit the cohort.
        StudyError: the study exists.
        CohortError: problems with the scans.
    """
    folder = StudyFolder(config.study.root, config.study.name)
    with logbook(folder, show) as book:
        _adopt(config, folder, weights, book)
    return folder


def _adopt(config: Config, folder: StudyFolder, weights: Path, book: Logbook) -> None:
    check_resumable(config, folder)
    found = read_foreign(weights)
    plan = None
    if found.origin is not None:
        config = _as_trained(config, found.origin)
        plan = found.origin.plan(_inputs(config))
        _load(plan, config, found)  # before any scan is read
    book.say(f"study {config.study.name}: preparing the scans")
    lines = _prepare(config, folder, found, plan, book.progress)
    book.begin()
    book.say("\n".join(lines))
    for remark in _remarks(found):
        book.say(remark)
    _judge(config, folder, found)
    from study.workflow.report import final_report, summarise

    folder.summary.write(summarise(config, folder))
    book.say(final_report(config, folder))


def _as_trained(config: Config, origin: NnunetOrigin) -> Config:
    """The configuration with the model and spacing that the checkpoint states."""
    given = _inputs(config)
    if [name.casefold() for name in origin.channels] != [name.casefold() for name in given]:
        raise ConfigError(
            [
                f"cohort.modalities: the network takes {', '.join(origin.channels)}, in this order, "
                f"got {', '.join(given)}; use these names for the scans, or set "
                f"cohort.modalities=[{','.join(origin.channels)}]"
            ]
        )
    if origin.n_classes != 2:
        raise ConfigError(
            [f"weights: the network has {origin.n_classes} classes; a study has two, background and target"]
        )
    spacing = list(origin.spacing_mm)
    if config.imaging.spacing_mm is not None and list(config.imaging.spacing_mm) != spacing:
        raise ConfigError(
            [f"imaging.spacing_mm: the network was trained at {spacing}; leave it out, or set the same"]
        )
    return config.with_values({"model.name": origin.model, "imaging.spacing_mm": spacing})


def _inputs(config: Config) -> tuple[str, ...]:
    """The names of the network's inputs: modalities, and behind them channels that are computed from these."""
    return (*config.inputs, *config.channels)


def _prepare(
    config: Config, folder: StudyFolder, found: ForeignWeights, plan: Plan | None, progress: Progress
) -> list[str]:
    from study.workflow.lesion_model import find_lesion_model
    from study.workflow.preparation import prepare_study

    adopted = None if plan is None else AdoptedNetwork(model=config.model.name, plan=plan.to_dict())
    return prepare_study(
        config,
        folder,
        lesion_model=find_lesion_model(config),
        adopted=adopted,
        check=lambda planned: _load(planned, config, found),
        progress=progress,
    )


def _remarks(found: ForeignWeights) -> list[str]:
    remarks = [WARNING]
    schemes = set() if found.origin is None else set(found.origin.normalisation)
    if other := sorted(schemes - {"ZScoreNormalization"}):
        remarks.append(
            f"The network was trained with {', '.join(other)}. Scans are normalised here with imaging.normalisation, "
            "so the network may perform worse than it originally did."
        )
    return remarks


def _judge(config: Config, folder: StudyFolder, found: ForeignWeights) -> None:
    """Judge the network, as the only trial of the study."""
    from study.workflow.judging import judge_trial
    from study.workflow.opening import open_study

    began = time.perf_counter()
    trial = folder.trial(0)
    trial.parameters.write({})
    data = open_study(folder, config.narrowed())
    runtime = Runtime.choose(config.trainer.device, config.trainer.precision)
    network = _load(data.plan, config, found).to(runtime.device)
    judged = judge_trial(trial, data, data.judge(runtime), network, train_s=0.0)
    trial.result.write(
        CompleteTrial(
            trial=0,
            epochs=0,
            seconds=time.perf_counter() - began,
            value=trial.fits.own.read().value,
            device=runtime.name,
            **judged._asdict(),
        )
    )


def _load(plan: Plan, config: Config, found: ForeignWeights) -> nn.Module:
    """The planned network with the weights, in evaluation mode.

    Raises:
        ConfigError: names or shapes differ; lists them.
    """
    published = find_model(config.model.name).published
    tensors = found.tensors if published is None else published.rename(found.tensors)
    try:
        wanted = outline(config.model.name, plan)
    except ValueError as error:
        raise ConfigError([f"weights: {error}"]) from None
    if problems := _differences(wanted, tensors):
        shown = "; ".join(problems[:3])
        more = f" and {len(problems) - 3} more" if len(problems) > 3 else ""
        raise ConfigError(
            [
                f"weights: they do not fit {config.model.name} as planned for these scans: {shown}{more}; "
                "set model=… and its sizes (model.patch_size, model.base_channels, model.stages) as in its training"
            ]
        )
    network = build_model(config.model.name, plan)
    network.load_state_dict(dict(tensors))
    return network.eval()


def _differences(wanted: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> list[str]:
    problems = [f"{key} is missing" for key in wanted if key not in given]
    problems += [f"{key} is unknown" for key in given if key not in wanted]
    return problems + [
        f"{key} has shape {list(given[key].shape)}, expected {list(wanted[key].shape)}"
        for key in wanted
        if key in given and given[key].shape != wanted[key].shape
    ]
