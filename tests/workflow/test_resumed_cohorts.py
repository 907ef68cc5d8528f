"""A study is resumed with the subjects that it was prepared with, under the names that they had."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from studies import prepared_study, write_study

from study.cohort import load_cohort
from study.cohort.records import Splits
from study.config import Config, validate
from study.errors import ConfigError, StudyError
from study.records import StudyFolder
from study.workflow.preparation import prepare_study
from study.workflow.resuming import check_resumable


@pytest.fixture
def prepared(tmp_path: Path) -> Callable[..., tuple[Config, StudyFolder]]:
    """A study of three pseudonymous subjects, as preparation leaves it."""

    def make() -> tuple[Config, StudyFolder]:
        for value, name in enumerate(("a", "b", "c")):
            voxels = np.full((4, 4, 4), value, np.uint8)
            nib.save(nib.Nifti1Image(voxels, np.eye(4)), tmp_path / f"{name}.nii")
        rows = "".join(f"{name},Lyon,{name}.nii\n" for name in ("a", "b", "c"))
        (tmp_path / "m.csv").write_text("subject,center,DWI\n" + rows)
        config = validate(
            {
                "study": {"name": "x", "root": tmp_path / "studies"},
                "cohort": {
                    "sources": ["manifest"],
                    "path": tmp_path / "m.csv",
                    "modalities": ["DWI"],
                    "unseen": [],
                    "pseudonymise": True,
                    "pseudonym_key": tmp_path / "key",
                },
                "modality_dropout": {"droppable": []},
                "resume": True,
            }
        )
        keys = [one.key for one in load_cohort(config.cohort, config.phantom_root).subjects]
        splits = Splits(train=(keys[0],), validation=(keys[1],), test=(keys[2],), unseen=())
        return config, write_study(config, prepared_study(splits))

    return make


def test_a_missing_key_is_no_reason_to_make_another(prepared: Callable, tmp_path: Path) -> None:
    config, folder = prepared()
    (tmp_path / "key").unlink()
    with pytest.raises(ConfigError, match=r"cohort.pseudonym_key: .*key is missing; restore the key"):
        prepare_study(config, folder)
    assert not (tmp_path / "key").exists()


def test_another_key_is_told(prepared: Callable, tmp_path: Path) -> None:
    config, folder = prepared()
    (tmp_path / "key").write_text("0" * 64)
    with pytest.raises(
        StudyError, match=r"3 of 3 subjects .*are not in the cohort; restore the key of the study"
    ):
        prepare_study(config, folder)


def test_a_subject_that_is_gone_is_told(prepared: Callable, tmp_path: Path) -> None:
    config, folder = prepared()
    table = (tmp_path / "m.csv").read_text()
    (tmp_path / "m.csv").write_text(table.replace("c,Lyon,c.nii\n", ""))
    with pytest.raises(StudyError, match="1 of 3 subjects of the study"):
        prepare_study(config, folder)


def test_the_key_may_be_moved(prepared: Callable, tmp_path: Path) -> None:
    config, folder = prepared()
    (tmp_path / "key").rename(tmp_path / "moved")
    check_resumable(config.with_values({"cohort.pseudonym_key": str(tmp_path / "moved")}), folder)
