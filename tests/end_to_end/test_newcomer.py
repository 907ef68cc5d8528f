"""A newcomer with 18 scans of three hospitals: each planted mistake is answered, and a study leads to a report."""

from __future__ import annotations

import csv
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
Row = dict[str, str]
Change = Callable[[list[Row]], list[Row]]
COHORT = ["cohort=manifest", "cohort.unseen=[ISLES]"]
SMALL = [
    "study.trials=2",
    "trainer.epochs=2",
    "trainer.iterations_per_epoch=4",
    "imaging.spacing_mm=[5,3.5,3.5]",
]


@pytest.fixture(scope="module")
def scans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("newcomer")
    code, said = command(
        folder,
        "study.phantoms",
        "write",
        "out=scans",
        "cohort.phantom.centers=[CHSF,JHU,ISLES]",
        "cohort.phantom.subjects_per_center=6",
    )
    assert code == 0, said
    return folder / "scans"


def command(folder: Path, module: str, *arguments: str) -> tuple[int, str]:
    """Run a command in a folder; returns its exit code and all that it said."""
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[2])},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return done.returncode, done.stdout


def table(scans: Path, change: Change = list) -> list[str]:
    """The setting that names the table of the scans with a change."""
    with (scans / "scans.csv").open() as file:
        rows = change(list(csv.DictReader(file)))
    path = scans / "mine.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return [f"cohort.path={path}"]


def renamed(old: str, new: str) -> Change:
    return lambda rows: [{new if name == old else name: cell for name, cell in row.items()} for row in rows]


def written_otherwise(rows: list[Row]) -> list[Row]:
    return [*rows[:-1], {**rows[-1], "center": "isles"}]


def twice(rows: list[Row]) -> list[Row]:
    """The scans of the first subject are also given as those of the first one of JHU."""
    images = {name: rows[0][name] for name in ("DWI", "ADC", "B0", "lesion")}
    other = next(row for row in rows if row["center"] == "JHU")
    return [{**row, **images} if row is other else row for row in rows]


def exchanged(rows: list[Row]) -> list[Row]:
    return [{**rows[0], "DWI": rows[0]["ADC"], "ADC": rows[0]["DWI"]}, *rows[1:]]


def upper_case(rows: list[Row]) -> list[Row]:
    return [{**{name.upper(): cell for name, cell in row.items()}, "age": "70"} for row in rows]


@pytest.mark.parametrize(
    ("change", "answer"),
    [
        (
            renamed("DWI", "DWI_b1000"),
            "no subject has DWI, while 18 of 18 have DWI_b1000; rename DWI_b1000 to DWI",
        ),
        (written_otherwise, "the centers 'ISLES' (5 subjects) and 'isles' (1 subject) differ only in case"),
        (twice, "the DWI file is also given as DWI of JHU0001 at JHU"),
        (exchanged, "DWI and ADC are exchanged: fluid should be bright in ADC and dark in DWI"),
        (renamed("center", "Hopital"), "rename 'Hopital' to center if it is that"),
        (renamed("lesion", "mask"), "but 'mask'; rename it to lesion if it is that"),
    ],
    ids=["modality", "center", "twice", "exchanged", "hospital", "reference"],
)
def test_a_mistake_in_the_table_is_answered_by_the_check(scans: Path, change: Change, answer: str) -> None:
    code, said = command(scans, "study.cohort", "check", *COHORT, *table(scans, change))
    assert code == 2
    assert answer in said


@pytest.mark.parametrize(
    ("settings", "code", "answer"),
    [
        (["cohort.unseen=[ILSES]"], 2, "no center ILSES; there are CHSF, ISLES, JHU; did you mean ISLES?"),
        (["cohort.unseen=ISLES"], 0, "ISLES           0           0           0           6           0"),
        (["cohort.unseen=[]"], 0, "how well the winner does at a new center remains unknown; name one with"),
        (["trainer=nnunet"], 0, "trainer.learning_rate              0.01         0.003333 to 0.03, logarithmic"),
        (["schedule.shape=linear"], 2, "schedule.shape: linear is given, and the search space searches it"),
        (["trainer.epoch=3"], 2, "trainer.epoch: no such key; did you mean trainer.epochs?"),
        (["search_space=none,gradual"], 2, "search_space: takes one choice, got none,gradual"),
        (["trainer.device=cuda", "trainer.gpus_per_worker=1"], 0, "this machine has no CUDA device"),
        (["study.root=/proc/1/mine"], 0, "study.root: /proc/1/mine cannot be written"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)  # fmt: skip
def test_a_mistake_in_the_settings_is_answered_by_a_dry_run(
    scans: Path, settings: list[str], code: int, answer: str
) -> None:
    given = {"search_space": "search_space=gradual"}
    given |= {one.partition("=")[0]: one for one in [*COHORT, *table(scans), "study.name=dry", *settings]}
    ended, said = command(scans, "study.run", *given.values(), "dry_run=true")
    assert answer in said
    assert ended == code


def test_a_table_in_capitals_with_other_columns_is_read_and_leads_to_a_report_and_a_mask(scans: Path) -> None:
    clean = table(scans, upper_case)
    code, said = command(scans, "study.cohort", "check", *COHORT, *clean)
    assert code == 0
    assert "columns that are not used: age" in said
    assert "18 subjects, 3 centers, 0 problems" in said

    study = ["study.name=first", "study.root=studies"]
    code, said = command(scans, "study.run", *COHORT, *clean, *SMALL, *study, "search_space=gradual")
    assert code == 0, said
    ended = re.search(r"trials ended: (.*)", said)
    assert ended is not None
    page = (scans / "studies" / "first" / "report.html").read_text()
    assert "ISLES" in page
    code, said = command(scans, "study.status", *study)
    assert code == 0
    code, said = command(scans, "study.export", *study, "trial=0", "out=bundle")
    assert code == 0, said
    code, said = command(
        scans,
        "study.predict",
        "bundle=bundle",
        "DWI=sub-CHSF0001/dwi/sub-CHSF0001_DWI.nii.gz",
        "out=mask.nii.gz",
    )
    assert code == 0, said
    assert "the network was never trained or tested with it" in said
    assert (scans / "mask.nii.gz").is_file()
