"""The table by occlusion in a model card."""

from __future__ import annotations

import pandas as pd
from builders import rows_frame

from analysis.method import Method
from study.deployment.bundle import read_bundle
from study.deployment.card import model_card
from study.deployment.subsets import Subset, known_subsets


def test_a_card_shows_false_components_by_occlusion_for_a_thrombus(tiny, bundle_path) -> None:
    manifest = read_bundle(bundle_path).manifest.model_copy(update={"target": "thrombus"})
    rows = tiny.folder.trial(2).rows.read()
    rows = pd.concat([rows, rows[:1].assign(split="control", subject="CHSF-0009", false_positives=4)])
    rows.loc[rows["center"] == "ISLES", "occlusion"] = "proximal"
    config = tiny.config
    card = model_card(manifest, config.cohort, config.evaluation, rows, {"control": {"CHSF": 1}}, seed=0)
    assert "| control scans, tested apart | 1 | CHSF 1 |" in card
    assert "|  | seen | removed | proximal | all | control |" in card
    assert "| false positives | yes | nothing | – | 1.00 (–) | 4.00 (–) |" in card
    assert "| false positives | no | nothing | 1.00 (–) | 1.00 (–) | – |" in card
    assert "Mean over subjects with 95 % interval" in card


def test_a_lesion_of_unknown_occlusions_has_no_such_table(tiny, bundle_path) -> None:
    rows = tiny.folder.trial(2).rows.read()
    manifest = read_bundle(bundle_path).manifest
    card = model_card(manifest, tiny.config.cohort, tiny.config.evaluation, rows, {}, seed=0)
    assert "By occlusion" not in card
    assert "| CHSF | yes |" in card


def test_a_card_lists_every_subset_with_training_and_test(tiny, bundle_path) -> None:
    config, manifest = tiny.config, read_bundle(bundle_path).manifest
    rows = rows_frame(
        *({"subject": f"CHSF-{number}", "dice": 0.5} for number in range(5)),
        {"subset": "DWI+ADC", "removed": "B0", "dice": 0.25, "seen": False},
    )
    subsets = known_subsets(manifest.modalities, {("DWI", "ADC", "B0"): 0.75, ("DWI",): 0.25}, rows, Method())
    told = manifest.model_copy(update={"subsets": subsets})
    card = model_card(told, config.cohort, config.evaluation, rows, {}, seed=0)
    assert "| DWI+ADC+B0 | 75.0% | 0.50, 5 subjects | not tested |" in card
    assert "| DWI+ADC | never | not tested | 0.25, 1 subject |" in card
    assert "| DWI alone | 25.0% | not tested | not tested |" in card
    assert "| B0 alone | never | not tested | not tested |" in card
    assert "are not listed" not in card
    unknown = manifest.model_copy(update={"subsets": (Subset(given=("DWI",)),)})
    card = model_card(unknown, config.cohort, config.evaluation, rows, {}, seed=0)
    assert "| DWI+B0 | unknown | not tested | not tested |" in card


def test_an_exported_bundle_knows_what_its_trial_was_tested_with(bundle_path) -> None:
    manifest = read_bundle(bundle_path).manifest
    (subset,) = manifest.subsets
    assert subset.given == ("DWI", "ADC", "B0")
    assert [(result.seen, result.subjects, result.dice) for result in subset.tested] == [
        (True, 1, 0.6),
        (False, 1, 0.6),
    ]
    assert subset.trained is None  # the study lists no epochs
