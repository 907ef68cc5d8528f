"""`python -m study.train`: one training in this process, without Ray and MLflow: to debug, or on a bare GPU machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from study.cli import run_command
from study.composition import compose, help_text, take_cfg_job, to_yaml
from study.results import StudyFolder, write_json
from study.resuming import check_resumable

PURPOSE = """Train one network with the configuration as given; nothing is searched but the post-processing.
The result is a study of one trial, which study.evaluate, study.export and study.predict take like any other."""


def main(arguments: Sequence[str]) -> None:
    """Train once and print the table."""
    if "--help" in arguments or "-h" in arguments:
        print(help_text("study.train", PURPOSE))
        return
    arguments, show = take_cfg_job(arguments)
    named = any(argument.startswith("study.name=") for argument in arguments)
    config = compose(
        ["study.trials=1", *arguments] if named else ["study.trials=1", "study.name=train", *arguments]
    )
    if show:
        print(to_yaml(config), end="")
        return
    if config.dry_run:
        from study.forecast import forecast

        print(forecast(config))
        return
    folder = StudyFolder(config.study.root, config.study.name)
    check_resumable(config, folder)
    from study.lesion_model import find_lesion_model
    from study.preparation import prepare_study
    from study.report import final_report, summarise
    from study.starting import find_start
    from study.trial import run_trial

    start, lesion_model = find_start(config), find_lesion_model(config)
    print("\n".join(prepare_study(config, folder, start, lesion_model)), flush=True)
    trial = folder.trial(0)
    write_json(trial.parameters, {})
    run_trial(config, trial, _print_epoch)
    write_json(folder.summary, summarise(config, folder))
    print(final_report(config, folder))


def _print_epoch(epoch: int, metrics: Mapping[str, float]) -> bool:
    shown = ("train_loss", "fade", "val_dice_full", "val_dice_missing", "objective")
    values = "  ".join(f"{name} {metrics[name]:.3f}" for name in shown if name in metrics)
    print(f"epoch {epoch}  {values}", flush=True)
    return False


if __name__ == "__main__":
    run_command(main)
