"""External validation: what bundles predict for scans that have reference masks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from study.cohort.records import Subject
from study.commandline.progress import Show
from study.config import Config, join_modalities
from study.errors import CohortError, ConfigError, Problem
from study.machine.progress import counted

if TYPE_CHECKING:
    import pandas as pd

    from study.deployment.manifest import Manifest
    from study.deployment.predictor import Bundle, Implausible


def validate_bundles(
    paths: Sequence[Path],
    config: Config,
    show: Show,
    device: str = "auto",
    implausible: Implausible = "error",
) -> pd.DataFrame:
    """Predict every scan of a cohort that has a reference mask with each bundle, and score the masks.

    Args:
        paths: of the bundles.
        config: its sections `cohort` (modalities, target and stand-ins are those of the bundles) and `evaluation`.
        show: where the preparation of phantoms and the progress are shown.
        device: auto, cpu or cuda.
        implausible: as of `Bundle.predict`.

    Returns:
        A row for each scan and bundle: bundle, center, subject, given, and the metrics of the catalogue.

    Raises:
        BundleError: a bundle is missing or damaged.
        ConfigError: the bundles segment different things, or no scan has a reference mask.
        CohortError: lists the problems of all scans.
    """
    import pandas as pd

    from study.cohort import load_cohort
    from study.cohort.remarks import set_apart
    from study.deployment.predictor import load_bundle

    bundles = {
        name: load_bundle(path, device, config.imaging.most_voxels) for name, path in _names(paths).items()
    }
    cohort = config.cohort.model_copy(update=_reads([one.manifest for one in bundles.values()]))
    loaded = load_cohort(cohort, config.phantom_root, show.progress)
    scans = [one for one in loaded.subjects if cohort.target in one.masks and not set_apart(one, cohort)]
    if not scans:
        raise ConfigError(
            [f"cohort: no scan has a reference mask of the {cohort.target}; there is nothing to compare"]
        )
    problems: list[Problem] = []
    rows = []
    for scan in counted(scans, len(scans), "predicting scans", show.progress):
        for name, bundle in bundles.items():
            try:
                rows.append(_row(name, bundle, scan, config, implausible))
            except CohortError as error:
                problems += [scan.shown(problem) for problem in error.problems]
    if problems:
        raise CohortError(list(dict.fromkeys(problems)))
    return pd.DataFrame(rows)


def _names(paths: Sequence[Path]) -> dict[str, Path]:
    """What tables call each bundle: its file's name, or the path where two have one name."""
    short = [path.name.removesuffix(".zip") for path in paths]
    return {
        name if short.count(name) == 1 else str(path): path for name, path in zip(short, paths, strict=True)
    }


def _reads(manifests: Sequence[Manifest]) -> dict[str, object]:
    """Settings of a cohort whose scans all of the bundles can read."""
    targets = sorted({one.target for one in manifests})
    if len(targets) > 1:
        raise ConfigError([f"bundles: they segment {' and '.join(targets)}; compare bundles of one target"])
    aliases: dict[str, tuple[str, ...]] = {}
    for one in manifests:
        for name, others in one.modality_aliases.items():
            aliases[name] = tuple(dict.fromkeys((*aliases.get(name, ()), *others)))
    modalities = dict.fromkeys(name for one in manifests for name in one.modalities)
    return {"target": targets[0], "modalities": tuple(modalities), "modality_aliases": aliases}


def _row(
    name: str, bundle: Bundle, scan: Subject, config: Config, implausible: Implausible
) -> Mapping[str, object]:
    from study.evaluation.metrics import score

    manifest = bundle.manifest
    images = {modality: path for modality, path in scan.images.items() if modality in manifest.modalities}
    if not images:
        what = f"it has none of the modalities of bundle {name} ({', '.join(manifest.modalities)})"
        raise CohortError([Problem(scan.label, None, what, "leave the bundle or the scan out")])
    lesion = scan.masks.get("lesion") if manifest.target != "lesion" else None
    found = bundle.predict(
        images,
        brain=scan.masks.get("brain"),
        lesion=lesion,
        target=scan.masks[manifest.target],
        labels=scan.labels,
        name=scan.label,
        implausible=implausible,
    )
    if found.target is None:
        raise ValueError(f"{scan.label} must have a reference mask")
    evaluation = config.evaluation
    scores = score(
        found.target, found.mask, found.grid.spacing_mm, evaluation.empty_dice, evaluation.tolerance_mm
    )
    return {
        "bundle": name,
        "center": scan.center,
        "subject": scan.key,
        "given": join_modalities([one for one in manifest.modalities if one in images]),
        **vars(scores),
    }
