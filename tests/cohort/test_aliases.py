"""Sequences that stand in for absent modalities."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from study.cohort import load_cohort, split_cohort
from study.cohort.remarks import remarks
from study.config import validate
from study.errors import CohortError, ConfigError

NOWHERE = Path("/nowhere")  # of phantoms: there are none here

ALIASES = {"SWAN": ["SWI", "T2star"]}


@pytest.fixture
def listed(tmp_path, nifti, configure):
    """The cohort of a CSV with the files of these rows; cells are names of files."""

    def load(columns, *rows, aliases=ALIASES, modalities=("DWI", "SWAN"), **cohort):
        lines = [f"s{number},A,{','.join(cells)}\n" for number, cells in enumerate(rows)]
        (tmp_path / "c.csv").write_text(f"subject,center,{columns}\n" + "".join(lines))
        for name in {cell for cells in rows for cell in cells if cell}:
            nifti(tmp_path / name)
        settings = {"modality_aliases": aliases, "modalities": modalities, **cohort}
        return load_cohort(configure(sources=["manifest"], path=tmp_path / "c.csv", **settings), NOWHERE)

    return load


def names(cohort):
    return [
        ({name: path.name for name, path in subject.images.items()}, dict(subject.stand_ins))
        for subject in cohort.subjects
    ]


def test_a_stand_in_takes_the_place_of_an_absent_modality_only(listed):
    cohort = listed(
        "DWI,SWAN,SWI,T2star",
        ("a.nii", "b.nii", "", ""),
        ("c.nii", "", "d.nii", ""),
        ("e.nii", "f.nii", "g.nii", ""),
        ("h.nii", "", "", "i.nii"),
        ("j.nii", "", "k.nii", "l.nii"),
        ("m.nii", "", "", ""),
    )
    assert names(cohort) == [
        ({"DWI": "a.nii", "SWAN": "b.nii"}, {}),
        ({"DWI": "c.nii", "SWAN": "d.nii"}, {"SWAN": "SWI"}),
        ({"DWI": "e.nii", "SWAN": "f.nii", "SWI": "g.nii"}, {}),
        ({"DWI": "h.nii", "SWAN": "i.nii"}, {"SWAN": "T2star"}),
        ({"DWI": "j.nii", "SWAN": "k.nii", "T2star": "l.nii"}, {"SWAN": "SWI"}),
        ({"DWI": "m.nii"}, {}),
    ]


def test_nothing_stands_in_unless_it_is_asked_for(listed):
    (subject,) = listed("DWI,SWI", ("a.nii", "b.nii"), aliases={}).subjects
    assert set(subject.images) == {"DWI", "SWI"}
    assert not subject.stand_ins


def test_several_modalities_may_have_stand_ins(listed):
    aliases = {"SWAN": ["SWI"], "DWI": ["TRACE"]}
    (subject,) = listed("TRACE,SWI", ("a.nii", "b.nii"), aliases=aliases).subjects
    assert subject.stand_ins == {"DWI": "TRACE", "SWAN": "SWI"}


def test_a_column_of_stand_ins_alone_is_enough_and_case_is_ignored(listed):
    (subject,) = listed("swi", ("a.nii",)).subjects
    assert subject.stand_ins == {"SWAN": "SWI"}


def test_stand_ins_are_told_by_center_for_subjects_that_are_used(listed, configure, tmp_path):
    rows = [(f"{number}.nii", f"{number}s.nii", f"{number}m.nii") for number in range(4)]
    unmasked = ("x.nii", "xs.nii", "")
    cohort = listed("DWI,SWI,lesion", *rows, unmasked)
    config = configure(modalities=("DWI", "SWAN"), modality_aliases=ALIASES)
    said = remarks(cohort, split_cohort(cohort, config), config)
    assert said == [
        "no reference mask: 1 subject (A 1)",
        "SWI stands in for SWAN (cohort.modality_aliases): 4 subjects (A 4)",
    ]


def test_a_bids_folder_and_an_isles_folder_have_stand_ins_too(tmp_path, nifti, configure):
    for name in ("DWI", "swi"):
        nifti(tmp_path / f"bids/sub-1/anat/sub-1_{name}.nii.gz")
        nifti(tmp_path / f"isles/sub-1/ses-0001/dwi/sub-1_ses-0001_{name}.nii.gz")
    (tmp_path / "bids/participants.tsv").write_text("participant_id\tcenter\nsub-1\tA\n")
    settings = {"modalities": ["DWI", "SWAN"], "modality_aliases": ALIASES}
    cohort = load_cohort(
        configure(
            sources=["bids", "isles2022"],
            bids={"root": tmp_path / "bids"},
            isles2022={"root": tmp_path / "isles"},
            **settings,
        ),
        NOWHERE,
    )
    assert [subject.stand_ins for subject in cohort.subjects] == [{"SWAN": "SWI"}] * 2


def test_two_files_of_a_stand_in_are_a_problem_where_it_is_needed_only(tmp_path, nifti, configure):
    for name in ("sub-1/sub-1_DWI", "sub-1/sub-1_run-1_SWI", "sub-1/sub-1_run-2_SWI"):
        nifti(tmp_path / f"{name}.nii.gz")
    (tmp_path / "participants.tsv").write_text("participant_id\tcenter\nsub-1\tA\n")
    config = configure(
        sources=["bids"], bids={"root": tmp_path}, modalities=["DWI", "SWAN"], modality_aliases=ALIASES
    )
    with pytest.raises(CohortError, match=r"sub-1: .*2 files for SWI"):
        load_cohort(config, NOWHERE)
    nifti(tmp_path / "sub-1/sub-1_SWAN.nii.gz")
    assert not load_cohort(config, NOWHERE).subjects[0].stand_ins


def test_a_channel_of_nnunet_may_stand_in(tmp_path, nifti, configure):
    nifti(tmp_path / "imagesTr/case_0000.nii.gz")
    (tmp_path / "dataset.json").write_text(json.dumps({"channel_names": {"0": "swi"}, "labels": {}}))
    config = configure(
        sources=["nnunet"], nnunet={"root": tmp_path}, modalities=["SWAN"], modality_aliases=ALIASES
    )
    assert load_cohort(config, NOWHERE).subjects[0].stand_ins == {"SWAN": "SWI"}


@pytest.mark.parametrize(
    ("aliases", "message"),
    [
        ({"SWAN": ["DWI"]}, "DWI is one of the modalities itself and cannot stand in for SWAN"),
        ({"SWAN": ["swan"]}, "swan is one of the modalities itself"),
        ({"SWAN": ["SWI"], "DWI": ["swi"]}, "swi stands in for both SWAN and DWI"),
        ({"PHASE": ["SWI"]}, r"PHASE is not among the modalities \(DWI, SWAN\)"),
    ],
)
def test_unclear_stand_ins_are_refused(configure, aliases, message):
    with pytest.raises(ConfigError, match=message):
        configure(modalities=["DWI", "SWAN"], modality_aliases=aliases)


def test_an_independent_model_keeps_the_stand_ins_of_its_own_modalities():
    cohort = {"modalities": ["DWI", "SWAN"], "modality_aliases": {"DWI": ["TRACE"], "SWAN": ["SWI"]}}
    content = {"study": {"name": "test"}, "cohort": cohort, "modality_dropout": {"droppable": []}}
    config = validate(content).with_values({"model.inputs": "SWAN"})
    assert config.narrowed().cohort.modality_aliases == {"SWAN": ("SWI",)}
