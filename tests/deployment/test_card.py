"""The table by occlusion in a model card."""

from __future__ import annotations

import pandas as pd

from study.deployment.bundle import read_bundle
from study.deployment.card import model_card


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
