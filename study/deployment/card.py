"""The model card, written for whoever is about to use a bundle."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from analysis.method import Method
from analysis.rendering import to_markdown, without_repeats
from analysis.trial_tables import trial_tables
from models import find_model
from study.config import CohortConfig, Evaluation
from study.deployment.manifest import Manifest
from study.deployment.subsets import all_subsets

if TYPE_CHECKING:
    import pandas as pd

USES = {
    "train": "trained on",
    "validation": "chosen and tuned on",
    "test": "tested on, seen centers",
    "unseen": "tested on, unseen centers",
    "control": "control scans, tested apart",
}


def model_card(
    manifest: Manifest,
    cohort: CohortConfig,
    evaluation: Evaluation,
    rows: pd.DataFrame,
    subjects: Mapping[str, Mapping[str, int]],
    *,
    seed: int,
    searched_again: bool = False,
) -> str:
    """The text of MODEL_CARD.md: centers and counts, never a subject, never a path.

    Args:
        manifest: of the bundle.
        cohort: the section of the trial's configuration.
        evaluation: the section of the trial's configuration.
        rows: the trial's results on test subjects and control scans.
        subjects: number of subjects by center, for each use (train, validation, test, unseen, control).
        seed: of the bootstrap.
        searched_again: whether study.postprocess changed the post-processing after the rows were made.
    """
    return (
        "\n\n".join(
            (
                f"# {manifest.study}, {manifest.name}: {manifest.target} segmentation",
                _what(manifest),
                "## How to use it\n\n" + _usage(manifest),
                "## Intended use\n\n" + INTENDED_USE,
                "## Data\n\n" + _data(subjects, cohort.sources, _learns(manifest)),
                "## Results\n\n" + _results(rows, manifest.target, evaluation, seed, searched_again),
                "## Availability subsets\n\n" + _subsets(manifest, Method.of(evaluation, seed)),
                "## Limits\n\n" + _limits(cohort.unseen),
                "## From probabilities to a mask\n\n" + _postprocessing(manifest),
                "## Technical\n\n" + _technical(manifest),
            )
        )
        + "\n"
    )


INTENDED_USE = """\
Research. It is not a medical device, has no regulatory clearance, and must not decide on a patient's treatment.
Check it on annotated scans of your own center before you rely on any number it gives."""


def _what(manifest: Manifest) -> str:
    optional = ", ".join(manifest.droppable) or "none"
    without = (
        f"; trained to do without: {optional} (dropped with probability {manifest.drop_probability:.3g} in training)"
        if _learns(manifest)
        else ""
    )
    return (
        f"{_network(manifest)} that segments the {manifest.target} in MRI of the head. Inputs: "
        f"{', '.join(manifest.modalities)}, any non-empty subset of them{without}."
        f"{_stand_ins(manifest)}{_instead(manifest)}{_channels(manifest)}"
    )


def _instead(manifest: Manifest) -> str:
    b = manifest.preparation.computing_b_s_mm2
    filled = (
        " In the place of a modality that is not given, the network sees a learned value or map in the brain, not 0."
        if manifest.filler
        else ""
    )
    if b is None:
        return filled
    return filled + (
        " Where one of DWI, ADC and B0 is not given and the other two are, the network sees it computed from these "
        f"(Stejskal-Tanner, b = {b:g} s/mm², ADC in 10⁻³ mm²/s), in training as in use; the tables below count it as "
        "not given."
    )


def _channels(manifest: Manifest) -> str:
    preparation = manifest.preparation
    if not preparation.channels:
        return ""
    return (
        f" It also sees {', '.join(preparation.channels)}, which are computed from the modalities that are given (b = "
        f"{preparation.channels_b_s_mm2:g} s/mm²), each where these suffice for it."
    )


def _learns(manifest: Manifest) -> bool:
    """Whether anything in the bundle was trained."""
    return any(find_model(one.model).learns for one in manifest.networks)


def _network(manifest: Manifest) -> str:
    """`A network (nnunet)`, or what an ensemble is made of."""
    if not _learns(manifest):
        return f"A rule ({manifest.model}) that has nothing to learn, and"
    if not manifest.others:
        return f"A network ({manifest.model})"
    shares = zip(manifest.networks, manifest.shares, strict=True)
    listed = ", ".join(f"{one.model} of trial {one.trial} {share:.0%}" for one, share in shares)
    return f"The mean of {len(manifest.networks)} networks ({listed})"


def _stand_ins(manifest: Manifest) -> str:
    return "".join(
        f" Where {modality} is absent, {' or '.join(others)} may be given in its place."
        for modality, others in manifest.modality_aliases.items()
        if others
    )


def _usage(manifest: Manifest) -> str:
    files = " ".join(f"{name}={name.lower()}.nii.gz" for name in manifest.modalities)
    notes = ["NIfTI files, registered to each other."]
    if manifest.preparation.registration == "rigid":
        notes = ["NIfTI files; the diffusion images are registered to the others (needs antspyx)."]
    notes.append("Leave out what is missing.")
    if manifest.target == "thrombus":
        notes.append(
            "Give the location of the lesion with `lesion=<its mask>` or `lesion_bundle=<a bundle that finds it>`."
        )
    reference = manifest.preparation.reference or "the first modality given"
    notes.append(f"The mask is written on the grid of {reference}.")
    command = f"python -m study.predict bundle=<this folder> {files} out=mask.nii.gz"
    return f"```\n{command}\n```\n\n{' '.join(notes)}"


def _data(subjects: Mapping[str, Mapping[str, int]], sources: Iterable[str], learns: bool) -> str:
    lines = ["| | subjects | centers |", "|---|---:|---|"]
    uses = {use: label for use, label in USES.items() if learns or use != "train"}
    for use, label in uses.items():
        centers = subjects.get(use, {})
        listed = ", ".join(f"{center} {count}" for center, count in sorted(centers.items()))
        lines.append(f"| {label} | {sum(centers.values())} | {listed} |")
    named = ["phantom (simulated scans)" if name == "phantom" else name for name in sources]
    lines += ["", f"Sources: {', '.join(named)}. Split by patient; centers have the names used in the study."]
    return "\n".join(lines)


def _results(rows: pd.DataFrame, target: str, evaluation: Evaluation, seed: int, searched_again: bool) -> str:
    tables = trial_tables(rows, Method.of(evaluation, seed), target)
    if not tables:
        return "The study had no test subjects, so the performance of this network is unknown."
    changed = (
        "**Measured before the post-processing was changed to the one described below**, which has not been measured "
        "on test subjects here."
    )
    first = "Test subjects were not used to train or to choose anything."
    return "\n\n".join(
        [*([changed] if searched_again else []), first, *map(to_markdown, without_repeats(tables))]
    )


def _subsets(manifest: Manifest, method: Method) -> str:
    """Which modalities the network was trained and tested with, a line each."""
    lines = ["| given | in training | Dice, seen centers | Dice, unseen centers |", "|---|---:|---|---|"]
    for subset in all_subsets(manifest.modalities, manifest.subsets):
        results = {result.seen: result.text for result in subset.tested}
        cells = [results.get(seen, "not tested") for seen in (True, False)]
        lines.append(f"| {subset.name} | {_share(subset.trained)} | {' | '.join(cells)} |")
    intro = (
        "Share of the training samples that showed exactly these modalities, once dropped ones had faded out; Dice of "
        f"the test subjects that were given them, whether or not they have others, {method.name} with 95 % interval "
        f"where there is one. {method.empty_masks} `study.predict` warns of what was never trained or tested."
    )
    if len(lines) - 2 < 2 ** len(manifest.modalities) - 1:
        intro += " Subsets that are not listed were neither trained nor tested."
    return f"{intro}\n\n" + "\n".join(lines)


def _share(trained: float | None) -> str:
    if trained is None:
        return "unknown"
    return f"{trained:.1%}" if trained else "never"


def _limits(unseen: Sequence[str]) -> str:
    known = f"only the unseen centers ({', '.join(unseen)}) show" if unseen else "nothing above shows"
    return (
        f"- Other scanners, protocols and patients than those above: {known} how well it works elsewhere.\n"
        "- Combinations of modalities that were not tested, or that the training never showed to the network.\n"
        "- It segments one structure; it does not distinguish a stroke from a mimic, or a new lesion from an old one.\n"
        "- Checksums detect damage; they are not a signature and do not prove who made the bundle."
    )


def _postprocessing(manifest: Manifest) -> str:
    parts = ["Voxels that touch by a face, an edge or a corner are one component."]
    for whom, lines in manifest.postprocessing.in_words().items():
        steps = "\n".join(f"{number}. {line}" for number, line in enumerate(lines, start=1))
        parts.append(f"For {whom}, in this order:\n\n{steps}")
    return "\n\n".join(parts)


def _technical(manifest: Manifest) -> str:
    spacing = " x ".join(f"{value:.3g}" for value in manifest.preparation.spacing_mm)
    versions = ", ".join(f"{name} {version}" for name, version in manifest.versions.items())
    mirror = ", ".join(manifest.inference.mirror) or "none"
    requires = ", ".join(f"{name} {version}" for name, version in manifest.requires.items()) or "nothing else"
    return (
        f"- spacing {spacing} mm (slices, rows, columns)\n"
        f"- normalisation {manifest.preparation.normalisation}, registration {manifest.preparation.registration}\n"
        f"- mirroring at test time: {mirror}\n"
        f"- bundle format {manifest.format_version}; written with {versions}; needs {requires}"
    )
