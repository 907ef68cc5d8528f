"""Who is in the simulated cohort, known before anything is simulated."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from study.cohort import plan_cohort
from study.cohort.bids import list_bids
from study.config import Phantom, validate
from study.phantoms import phantom_files, phantom_folder, phantom_roster
from study.phantoms.write import participants


def test_small_cohort_has_all_centers_and_fifty_to_sixty_subjects() -> None:
    counts = Counter(subject.center for subject in phantom_roster(Phantom()))
    assert set(counts) == {"CHSF", "MATAR", "MATAR2", "ISLES", "JHU", "FOCH"}
    assert 50 <= counts.total() <= 60


def test_full_cohort_has_the_published_numbers() -> None:
    found = Counter(subject.center for subject in phantom_roster(Phantom(size="full")))
    assert found == {"CHSF": 65, "MATAR": 125, "MATAR2": 281, "ISLES": 250, "JHU": 2888, "FOCH": 87}


def test_full_cohort_is_annotated_as_published() -> None:
    full = phantom_roster(Phantom(size="full"))
    assert sum("lesion" in subject.masks for subject in full if subject.center == "MATAR2") == 156
    assert sum("thrombus" in subject.masks for subject in full if subject.center == "FOCH") == 43
    assert not any("lesion" in subject.masks for subject in full if subject.center == "FOCH")
    assert not any("thrombus" in subject.masks for subject in full if subject.center in ("ISLES", "JHU"))
    ischemic = sum(subject.kind == "annotated" for subject in full if subject.center == "JHU")
    assert ischemic / 2888 == pytest.approx(0.65, abs=0.001)


def test_modalities_are_those_of_the_centers() -> None:
    found: dict[str, set[tuple[str, ...]]] = {}
    full = phantom_roster(Phantom(size="full"))
    for subject in full:
        found.setdefault(subject.center, set()).add(tuple(sorted(subject.modalities)))
    assert found["CHSF"] == found["MATAR"] == found["MATAR2"] == {("ADC", "B0", "DWI", "PHASE", "SWAN")}
    assert found["ISLES"] == {("ADC", "DWI")}
    assert found["JHU"] == {("ADC", "B0", "DWI", "SWI"), ("ADC", "B0", "DWI", "SWAN")}
    assert found["FOCH"] == {("B0", "DWI", "SWAN"), ("B0", "DWI", "SWI")}
    swan = sum("SWAN" in subject.modalities for subject in full if subject.center == "FOCH")
    assert swan / 87 == pytest.approx(0.72, abs=0.02)


def test_a_control_scan_is_a_second_look_at_an_annotated_patient() -> None:
    matar = [subject for subject in phantom_roster(Phantom()) if subject.center == "MATAR"]
    annotated = {subject.patient for subject in matar if subject.kind == "annotated"}
    controls = [subject for subject in matar if subject.kind == "control"]
    assert controls
    assert all(
        subject.patient in annotated and {"lesion", "thrombus"} <= set(subject.masks) for subject in controls
    )


def test_occlusions_are_told_where_the_papers_tell_them_for_a_center() -> None:
    found: dict[str, set[str]] = {}
    for subject in phantom_roster(Phantom(size="full")):
        if subject.kind != "control":
            found.setdefault(subject.center, set()).add(subject.occlusion)
    told = {"CHSF": {"proximal"}, "MATAR": {"distal"}, "MATAR2": {"distal"}}
    assert found == told | {center: {""} for center in ("ISLES", "JHU", "FOCH")}


def test_controls_after_treatment_are_matars_and_have_no_occlusion() -> None:
    controls = [subject for subject in phantom_roster(Phantom(size="full")) if subject.control]
    assert Counter(subject.center for subject in controls) == {"MATAR": 20}
    assert {subject.occlusion for subject in controls} == {""}


def test_occlusions_and_controls_are_listed_and_read_from_the_written_table(tmp_path: Path) -> None:
    cohort = {
        "phantom": {"centers": ["CHSF", "MATAR"], "subjects_per_center": 10},
        "modalities": ["SWAN"],
        "unseen": [],
    }
    content = {"study": {"name": "test", "root": str(tmp_path)}, "modality_dropout": {"droppable": []}}
    settings = validate({**content, "cohort": cohort})
    listed = {
        one.id: (one.patient, one.occlusion, one.control)
        for one in plan_cohort(settings.cohort, tmp_path).subjects
    }
    assert Counter(told[1:] for told in listed.values()) == {
        ("proximal", False): 10, ("distal", False): 8, ("", True): 2
    }  # fmt: skip
    folder = phantom_folder(settings.cohort.phantom, tmp_path)
    for name in listed:
        (folder / name).mkdir(parents=True)
    (folder / "participants.tsv").write_text(participants(settings.cohort.phantom))
    read = list_bids(
        settings.with_values({"cohort.sources": ["bids"], "cohort.bids.root": str(folder)}).cohort
    ).entries
    assert {one.id: (one.patient, one.occlusion, one.control) for one in read} == listed


def test_subjects_per_center_and_centers_are_respected() -> None:
    subjects = phantom_roster(Phantom(centers=("ISLES", "JHU"), subjects_per_center=3))
    assert Counter(subject.center for subject in subjects) == {"ISLES": 3, "JHU": 3}


def test_one_subject_per_center_is_an_annotated_one() -> None:
    assert {subject.kind for subject in phantom_roster(Phantom(subjects_per_center=1))} == {"annotated"}


def test_every_subject_has_its_own_files_under_the_cohorts_folder(tmp_path: Path) -> None:
    folder = phantom_folder(Phantom(), tmp_path)
    listed = [phantom_files(subject, folder) for subject in phantom_roster(Phantom())]
    files = [path for one in listed for path in [*one.images.values(), *one.masks.values()]]
    assert len(set(files)) == len(files) > 0
    assert all(path.is_relative_to(folder) for path in files)
    assert folder.parent == tmp_path


@pytest.mark.parametrize(
    "change", [{"seed": 1}, {"size": "full"}, {"randomisation": 0.5}, {"subjects_per_center": 2}]
)
def test_other_settings_lie_in_another_folder(tmp_path: Path, change: dict[str, object]) -> None:
    assert phantom_folder(Phantom(), tmp_path) != phantom_folder(Phantom(**change), tmp_path)


def test_another_root_changes_nothing_but_the_root(tmp_path: Path) -> None:
    elsewhere = Phantom(root=tmp_path / "elsewhere")
    assert phantom_folder(elsewhere, tmp_path) == phantom_folder(Phantom(), tmp_path)


def test_listing_loads_no_array_library() -> None:
    code = (
        "import sys; import study.phantoms; "
        "sys.exit(str({'scipy', 'nibabel', 'torch', 'pandas'} & set(sys.modules)) if "
        "{'scipy', 'nibabel', 'torch', 'pandas'} & set(sys.modules) else 0)"
    )
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
