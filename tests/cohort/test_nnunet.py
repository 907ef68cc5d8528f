"""nnU-Net's raw format."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from study.cohort.load import load_cohort
from study.cohort.nnunet import list_nnunet
from study.cohort.splits import split_cohort
from study.config import SplitsConfig
from study.config.sources import NnunetRaw
from study.errors import CohortError, ConfigError

NOWHERE = Path("/nowhere")  # of phantoms: there are none here


@pytest.fixture
def dataset(tmp_path, nifti, configure):
    """Writes cases (two channels, label) and a dataset.json with these entries; returns the configuration."""

    def write(cases=("case_001",), modalities=("DWI", "ADC"), target="lesion", **description):
        for case in cases:
            nifti(tmp_path / "imagesTr" / f"{case}_0000.nii.gz")
            nifti(tmp_path / "imagesTr" / f"{case}_0001.nii.gz")
            nifti(tmp_path / "labelsTr" / f"{case}.nii.gz")
        content = {"channel_names": {"0": "DWI", "1": "ADC"}, "labels": {"background": 0, "stroke": 1}}
        (tmp_path / "dataset.json").write_text(json.dumps(content | description))
        return configure(
            sources=["nnunet"],
            nnunet={"root": tmp_path, "center": "Bern"},
            modalities=modalities,
            target=target,
        )

    return write


def test_channels_become_modalities_and_labels_the_target(dataset, tmp_path):
    (entry,) = list_nnunet(dataset(target="thrombus")).entries
    assert (entry.id, entry.patient, entry.center) == ("case_001", "case_001", "Bern")
    assert entry.images == {
        "DWI": tmp_path / "imagesTr/case_001_0000.nii.gz",
        "ADC": tmp_path / "imagesTr/case_001_0001.nii.gz",
    }
    assert entry.masks == {"thrombus": tmp_path / "labelsTr/case_001.nii.gz"}


def test_label_that_is_called_lesion_is_a_lesion_whatever_the_target(dataset):
    (entry,) = list_nnunet(dataset(target="thrombus", labels={"background": 0, "Lesion": 1})).entries
    assert set(entry.masks) == {"lesion"}


def test_version_1_description_is_read(dataset, tmp_path):
    config = dataset()
    content = {"modality": {"0": "DWI", "1": "ADC"}, "labels": {"0": "background", "1": "lesion"}}
    (tmp_path / "dataset.json").write_text(json.dumps(content))
    (entry,) = list_nnunet(config).entries
    assert set(entry.images) == {"DWI", "ADC"}
    assert set(entry.masks) == {"lesion"}


def test_channel_names_match_modalities_whatever_their_case(dataset):
    (entry,) = list_nnunet(dataset(channel_names={"0": "dwi", "1": "Adc"})).entries
    assert set(entry.images) == {"DWI", "ADC"}


def test_absent_channel_is_an_absent_modality(dataset, tmp_path):
    config = dataset(cases=("a", "b"))
    (tmp_path / "imagesTr/b_0001.nii.gz").unlink()
    cohort = load_cohort(config, NOWHERE)
    assert [set(subject.images) for subject in cohort.subjects] == [{"DWI", "ADC"}, {"DWI"}]


def test_label_without_images_is_a_subject_without_modality(dataset, nifti, tmp_path):
    config = dataset()
    nifti(tmp_path / "labelsTr/case_002.nii.gz")
    with pytest.raises(CohortError, match=r"^case_002: has none of cohort.modalities \(DWI, ADC\)"):
        load_cohort(config, NOWHERE)


def test_uncompressed_files_are_read(dataset, nifti, tmp_path):
    config = dataset(cases=(), file_ending=".nii")
    nifti(tmp_path / "imagesTr/x_0000.nii")
    nifti(tmp_path / "labelsTr/x.nii")
    (entry,) = list_nnunet(config).entries
    assert (entry.id, set(entry.images), set(entry.masks)) == ("x", {"DWI"}, {"lesion"})


def test_file_of_an_unknown_channel_is_a_problem_of_its_subject(dataset, nifti, tmp_path):
    config = dataset()
    nifti(tmp_path / "imagesTr/case_001_0002.nii.gz")
    with pytest.raises(CohortError, match=r"case_001: .*_0002.nii.gz: .*no channel.*_0001.nii.gz \(ADC\)"):
        load_cohort(config, NOWHERE)


@pytest.mark.parametrize(
    ("description", "message"),
    [
        ({"channel_names": None}, "no channel_names"),
        ({"channel_names": {"0": "DWI", "1": "dwi"}}, "has DWI twice"),
        ({"channel_names": {"0": "T1", "1": "T2"}}, r"none of cohort.modalities \(DWI, ADC\); it has T1, T2"),
        ({"file_ending": ".png"}, r"file_ending is \.png"),
        ({"labels": {"background": 0, "lesion": 1, "thrombus": 2}}, "both lesion and thrombus"),
        ({"labels": ["background", "lesion"]}, "labels is not an object"),
    ],
)
def test_unusable_description_is_refused(dataset, description, message):
    with pytest.raises(CohortError, match=rf"dataset\.json: .*{message}"):
        load_cohort(dataset(**description), NOWHERE)


@pytest.mark.parametrize(
    ("content", "message"), [(None, "missing"), ("{", "is not JSON"), ("[]", "not a JSON object")]
)
def test_damaged_description_is_refused(dataset, tmp_path, content, message):
    config = dataset()
    (tmp_path / "dataset.json").unlink()
    if content is not None:
        (tmp_path / "dataset.json").write_text(content)
    with pytest.raises(CohortError, match=message):
        load_cohort(config, NOWHERE)


def test_folder_without_images_is_refused(dataset):
    with pytest.raises(CohortError, match="imagesTr: no NIfTI file"):
        load_cohort(dataset(cases=()), NOWHERE)


def test_cases_of_the_test_are_read_where_they_have_a_label(dataset, nifti, tmp_path):
    config = dataset()
    for case in ("t1", "t2"):
        nifti(tmp_path / f"imagesTs/{case}_0000.nii.gz")
    nifti(tmp_path / "labelsTs/t1.nii.gz")
    listing = list_nnunet(config)
    assert [(entry.id, entry.held_out) for entry in listing.entries] == [("case_001", False), ("t1", True)]
    assert [str(remark) for remark in listing.remarks] == [
        "imagesTs: not used without a file in labelsTs: 1 case"
    ]


def test_cases_of_the_test_are_only_tested_on(dataset, nifti, tmp_path):
    config = dataset(cases=[f"c{number}" for number in range(8)])
    for case in ("t1", "t2", "t3"):
        nifti(tmp_path / f"imagesTs/{case}_0000.nii.gz")
        nifti(tmp_path / f"labelsTs/{case}.nii.gz")
    cohort = load_cohort(config, NOWHERE)
    held = {subject.key for subject in cohort.subjects if subject.held_out}
    for splits in ({"kind": "fractions"}, {"kind": "folds", "folds": 3, "fold": 1}):
        drawn = split_cohort(cohort, config.model_copy(update={"splits": SplitsConfig(**splits)}))
        assert len(held) == 3
        assert held <= set(drawn.test)
        assert not held & {*drawn.train, *drawn.validation}


@pytest.fixture
def folds(dataset, nifti, tmp_path):
    """Splits a data set of two centers, with a case of the test at each, by a fold of a splits_final.json."""

    def split(content, fold=0, **cohort):
        config = dataset(cases=("A_1", "A_2", "A_3", "B_1", "B_2"))
        for case in ("A_9", "B_9"):
            nifti(tmp_path / f"imagesTs/{case}_0000.nii.gz")
            nifti(tmp_path / f"labelsTs/{case}.nii.gz")
        path = tmp_path / "splits_final.json"
        path.write_text(json.dumps(content))
        own = {
            "nnunet": NnunetRaw(root=tmp_path, centers="prefix"),
            "splits": SplitsConfig(kind="fixed", path=path, fold=fold),
        }
        config = config.model_copy(update={**own, **cohort})
        cohort = load_cohort(config, NOWHERE)
        found = split_cohort(cohort, config)
        return [
            [cohort[key].id for key in keys]
            for keys in (found.train, found.validation, found.test, found.unseen)
        ]

    return split


FOLDS = [
    {"train": ["A_1", "A_2", "B_1"], "val": ["A_3", "B_2"]},
    {"train": ["A_2", "A_3", "B_1", "B_2"], "val": ["A_1"]},
]


def test_a_fold_of_splits_final_is_read_as_it_is(folds):
    assert folds(FOLDS) == [["A_1", "A_2", "B_1"], ["A_3", "B_2"], ["A_9", "B_9"], []]
    assert folds(FOLDS, 1) == [["A_2", "A_3", "B_1", "B_2"], ["A_1"], ["A_9", "B_9"], []]


def test_a_fold_leaves_out_centers_that_are_not_learnt_from(folds):
    assert folds(FOLDS, unseen=("B",)) == [["A_1", "A_2"], ["A_3"], ["A_9"], ["B_1", "B_2", "B_9"]]
    assert folds(FOLDS, seen=("A",)) == [["A_1", "A_2"], ["A_3"], ["A_9"], []]


@pytest.mark.parametrize(
    ("content", "fold", "message"),
    [
        (FOLDS, 2, r"cohort\.splits\.fold: .* has the folds 0 to 1, got 2"),
        (
            [{"train": ["A_1", "A_20"], "val": ["A_3"]}],
            0,
            "A_20 is not in the cohort of 7; did you mean A_2?",
        ),
        ([{"train": ["A_1"], "test": ["A_3"]}], 0, "fold 0 of .* has not the lists train and val"),
        ([["A_1"]], 0, "fold 0 of .* has not the lists train and val"),
        ([{"train": ["A_1"], "val": "A_3"}], 0, "'validation' in fold 0 of .* is not a list of strings"),
        (
            {"train": ["A_1"], "validation": ["A_3"]},
            1,
            r"cohort\.splits\.fold: .* has no folds; leave it out",
        ),
    ],
)
def test_mistakes_in_folds_are_refused(folds, content, fold, message):
    with pytest.raises(ConfigError, match=message):
        folds(content, fold)


def test_a_pickle_of_splits_is_refused_without_opening_it(folds, dataset, tmp_path):
    config = dataset(cases=("A_1", "A_2"))
    (tmp_path / "splits_final.pkl").write_bytes(b"\x80\x04")
    splits = SplitsConfig(kind="fixed", path=tmp_path / "splits_final.pkl")
    with pytest.raises(ConfigError, match="is a pickle, as nnU-Net 1 wrote it"):
        split_cohort(load_cohort(config, NOWHERE), config.model_copy(update={"splits": splits}))
