"""`study.validate`: masks of bundles beside reference masks, from the command to its tables and its CSV."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from study import predict, validate
from study.commandline import run_command

Rows = list[dict[str, str]]
Arguments = Callable[..., list[str]]


def cohort(arguments: Arguments, rows: Rows) -> list[str]:
    """The keys of the cohort among those of a study."""
    return [one for one in arguments(rows) if one.startswith("cohort")]


def dice(first: np.ndarray, second: np.ndarray) -> float:
    return float(2 * np.sum(first & second) / (first.sum() + second.sum()))


def volume_ml(path: Path) -> float:
    mask = nib.load(path)
    return float(np.count_nonzero(mask.dataobj) * np.prod(mask.header.get_zooms()) / 1000)


def test_scores_are_those_of_the_masks_that_study_predict_writes(
    hospitals: Rows, arguments: Arguments, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [hospitals[0], hospitals[-1]]
    out = tmp_path / "scores.csv"
    run_command(validate.main, [*cohort(arguments, rows), "bundles=[rule]", f"out={out}"])
    said = capsys.readouterr().out
    found = pd.read_csv(out)
    assert len(found) == len(rows)
    assert set(found["bundle"]) == {"rule"}
    for row in rows:
        images = [f"{name}={row[name]}" for name in ("DWI", "ADC") if row[name]]
        mask = tmp_path / "mask.nii.gz"
        run_command(predict.main, ["bundle=rule", *images, f"out={mask}"])
        predicted, reference = (np.asarray(nib.load(path).dataobj) > 0 for path in (mask, row["lesion"]))
        own = found[found["center"] == row["center"]].iloc[0]
        assert own["dice"] == pytest.approx(dice(predicted, reference), abs=1e-6)
        assert own["predicted_volume_ml"] == pytest.approx(volume_ml(mask), abs=1e-6)
        assert own["subject"] in said
    assert "rule: Dice" in said
    assert "all centers" in said


def test_a_scan_that_cannot_be_read_is_named_and_nothing_is_printed(
    hospitals: Rows, arguments: Arguments, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = {**hospitals[0], "DWI": str(tmp_path / "broken.nii.gz")}
    Path(broken["DWI"]).write_bytes(b"no image")
    with pytest.raises(SystemExit):
        run_command(validate.main, [*cohort(arguments, [broken, hospitals[1]]), "bundles=rule"])
    printed = capsys.readouterr()
    assert "broken.nii.gz" in printed.err
    assert "Dice" not in printed.out


@pytest.mark.parametrize(
    ("bundles", "words"),
    [
        ("[rule,rule]", "bundles: rule is given twice"),
        ("[nowhere]", "nowhere"),
    ],
)
def test_bundles_that_are_no_two_bundles_are_refused(
    hospitals: Rows,
    arguments: Arguments,
    bundles: str,
    words: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        run_command(validate.main, [*cohort(arguments, hospitals[:2]), f"bundles={bundles}"])
    assert words in capsys.readouterr().err


def test_a_cohort_without_reference_masks_is_refused(
    hospitals: Rows, arguments: Arguments, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [{**row, "lesion": ""} for row in hospitals[:2]]
    with pytest.raises(SystemExit):
        run_command(validate.main, [*cohort(arguments, rows), "bundles=rule"])
    assert "no scan has a reference mask of the lesion" in capsys.readouterr().err
