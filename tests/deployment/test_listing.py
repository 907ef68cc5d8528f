"""What a folder's predictions come with: a table for a spreadsheet and one for a program."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from study.deployment.batch import predict_folder
from study.deployment.folders import find_cases
from study.deployment.lesion_first import LesionFirst
from study.deployment.listing import Listed, write_list
from study.deployment.predictor import load_bundle

MODALITIES = ("DWI", "ADC", "B0")


def read(folder: Path) -> list[dict[str, str]]:
    with (folder / "predictions.csv").open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_volumes_and_components_are_those_of_the_masks(bundle_path: Path, scan: Any, tmp_path: Path) -> None:
    images, out = tmp_path / "images", tmp_path / "out"
    scan(images, "Élise", 1, MODALITIES)
    broken = scan(images, "b", 2, ("DWI", "ADC"))["ADC"]
    broken.write_bytes(broken.read_bytes()[:200])
    scan(images, "c", 3, ("DWI",))
    bundle = load_bundle(bundle_path, "cpu")
    found = find_cases(images, MODALITIES, {})
    predicted = predict_folder(LesionFirst(bundle), found, out, None)
    lines = {line["subject"]: line for line in read(out)}
    assert list(lines) == ["b", "c", "Élise"]
    assert {name: line["given"] for name, line in lines.items()} == {
        "b": "",
        "c": "DWI",
        "Élise": "DWI+ADC+B0",
    }
    assert lines["c"]["remarks"] == "without ADC, B0"
    assert (lines["b"]["mask"], lines["b"]["volume_ml"], lines["b"]["components"]) == ("", "", "")
    assert "truncated or damaged" in lines["b"]["problems"]
    assert predicted.failed == 1
    for name in ("c", "Élise"):
        mask = nib.load(out / lines[name]["mask"])
        voxel_ml = float(np.prod(mask.header.get_zooms())) / 1000
        assert float(lines[name]["volume_ml"]) == pytest.approx(np.sum(mask.get_fdata()) * voxel_ml, abs=1e-4)
        assert (float(lines[name]["largest_component_ml"]) > 0) is (int(lines[name]["components"]) > 0)
    listed = json.loads((out / "predictions.json").read_text())
    assert listed["bundle"]["target"] == bundle.manifest.target
    by_name = {one["subject"]: one for one in listed["subjects"]}
    assert by_name["c"]["remarks"] == ["without ADC, B0"]
    assert by_name["c"]["volume_ml"] == float(lines["c"]["volume_ml"])
    assert by_name["b"]["volume_ml"] is None


def test_components_touch_by_corners_and_have_their_volumes(
    bundle_path: Path, scan: Any, tmp_path: Path
) -> None:
    prediction = load_bundle(bundle_path, "cpu").predict(scan(tmp_path, "s", 1))
    mask = np.zeros_like(prediction.mask)
    assert replace(prediction, mask=mask).components_ml == ()
    mask[0, 0, 0] = mask[1, 1, 1] = mask[3, 3, 3] = True
    voxel_ml = prediction.grid.voxel_volume_ml
    assert sorted(replace(prediction, mask=mask).components_ml) == pytest.approx([voxel_ml, 2 * voxel_ml])


def test_an_interrupt_leaves_the_list_of_what_was_done(bundle_path: Path, scan: Any, tmp_path: Path) -> None:
    images, out = tmp_path / "images", tmp_path / "out"
    for name in ("a", "b"):
        scan(images, name, 1)
    found = find_cases(images, MODALITIES, {})

    def interrupted(cases: Any) -> Any:
        yield cases[0]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        predict_folder(LesionFirst(load_bundle(bundle_path, "cpu")), found, out, None, progress=interrupted)
    assert [line["subject"] for line in read(out)] == ["a"]


def test_texts_with_separators_stay_in_their_cells(bundle_path: Path, tmp_path: Path) -> None:
    manifest = load_bundle(bundle_path, "cpu").manifest
    write_list(
        tmp_path, manifest, [Listed('a,"b"', warnings=("one, two", "three"), problems=("first\nsecond",))]
    )
    (line,) = read(tmp_path)
    assert (line["subject"], line["warnings"], line["problems"]) == (
        'a,"b"',
        "one, two; three",
        "first\nsecond",
    )
