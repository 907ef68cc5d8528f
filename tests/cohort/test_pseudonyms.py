"""Subjects that are called by keyed hashes: the same in all studies of a key, and told nowhere by their own names."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable
from pathlib import Path

import pytest

from study.cohort import load_cohort, plan_cohort, split_cohort
from study.cohort.pseudonyms import key_file, pseudonym, read_key, read_or_make_key
from study.config import CohortConfig, validate
from study.errors import CohortError, ConfigError
from study.imaging.cache import prepare_cohort
from study.imaging.check import check_cohort
from study.imaging.fingerprint import fingerprint
from study.imaging.protocol import ImagingProtocol
from study.records.subjects import SubjectsFile

NOWHERE = Path("/nowhere")  # of phantoms: there are none here
PEOPLE = [("mueller", "Lyon"), ("schmidt", "Lyon"), ("garcia", "Nice"), ("mueller", "Nice")]
SECRETS = ("mueller", "schmidt", "garcia")

Listing = Callable[..., CohortConfig]


@pytest.fixture
def listing(tmp_path: Path, nifti: Callable[[Path], Path], configure: Callable[..., CohortConfig]) -> Listing:
    """Writes people as a manifest with their files, and settings that pseudonymise them."""

    def write(people: list[tuple[str, str]] = PEOPLE, **section: object) -> CohortConfig:
        rows = []
        for name, center in people:
            scan = nifti(tmp_path / center / name / f"{name}_dwi.nii")
            mask = nifti(tmp_path / center / name / f"{name}_lesion.nii")
            rows.append(f"{name},{name}-patient,{center},{scan},{mask}\n")
        (tmp_path / "m.csv").write_text("subject,patient,center,DWI,lesion\n" + "".join(rows))
        names = {
            "names": "trust",
            "pseudonymise": True,
            "pseudonym_key": str(tmp_path / "keys" / "key"),
            **section,
        }
        return configure(sources=["manifest"], path=tmp_path / "m.csv", **names)

    return write


def names(section: CohortConfig) -> dict[tuple[str, str], str]:
    return {(one.id, one.center): one.key for one in load_cohort(section, NOWHERE).subjects}


def assert_nameless(text: str) -> None:
    assert text
    assert not [secret for secret in SECRETS if secret in text]


def test_a_name_is_the_hmac_of_center_and_id(listing: Listing) -> None:
    section = listing()
    found = names(section)
    key = bytes.fromhex(section.pseudonym_key.read_text())
    digest = hmac.digest(key, b'["subject", "Lyon", "mueller"]', hashlib.sha256)
    assert found["mueller", "Lyon"] == "Lyon-" + base64.b32encode(digest)[:10].decode()
    assert len(set(found.values())) == 4


def test_a_subject_has_the_same_name_in_every_study_of_a_key(listing: Listing, tmp_path: Path) -> None:
    whole = names(listing())
    fewer = names(listing(PEOPLE[2:]))
    assert len(fewer) == 2
    assert fewer.items() <= whole.items()
    other = names(listing(pseudonym_key=str(tmp_path / "other")))
    assert not set(other.values()) & set(whole.values())


def test_letters_that_look_alike_are_the_same_name() -> None:
    assert pseudonym(b"k", "A", "Jose\u0301") == pseudonym(b"k", "A", "Jos\u00e9")
    assert pseudonym(b"k", "A", "Jose") != pseudonym(b"k", "A", "Jos\u00e9")


def test_the_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "new" / "key"
    key = read_or_make_key(path)
    assert len(key) == 32
    assert path.stat().st_mode & 0o077 == 0
    assert path.parent.stat().st_mode & 0o077 == 0
    assert read_or_make_key(path) == read_key(path) == key
    assert [each.name for each in path.parent.iterdir()] == ["key"]


def test_the_key_lies_in_the_user_s_configuration_folder_by_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, configure: Callable[..., CohortConfig]
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert key_file(configure()) == tmp_path / "fadeout" / "pseudonyms.key"
    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert key_file(configure()) == tmp_path / "home" / ".config" / "fadeout" / "pseudonyms.key"


@pytest.mark.parametrize(
    ("content", "mode", "words"),
    [
        (None, 0o600, "is missing; restore the key"),
        ("0" * 64, 0o640, "may be read by others; chmod 600 it"),
        ("secret", 0o600, "holds no key, 64 hexadecimal digits"),
        ("", 0o600, "holds no key"),
    ],
)
def test_an_unusable_key_is_refused_and_never_shown(
    tmp_path: Path, content: str | None, mode: int, words: str
) -> None:
    path = tmp_path / "key"
    if content is not None:
        path.write_text(content)
        path.chmod(mode)
    with pytest.raises(ConfigError, match=words) as error:
        read_key(path)
    assert str(path) in str(error.value)
    assert not content or content not in str(error.value)


def test_a_key_among_studies_is_refused(tmp_path: Path) -> None:
    content = {"study": {"name": "x", "root": tmp_path}, "cohort": {"pseudonym_key": tmp_path / "x" / "key"}}
    with pytest.raises(ConfigError, match=r"cohort\.pseudonym_key: .* lies in study\.root"):
        validate(content)


def test_planning_makes_no_key_and_uses_one_that_is_there(listing: Listing) -> None:
    section = listing()
    keys = {one.key for one in plan_cohort(section, NOWHERE).subjects}
    assert len(keys) == 4
    assert not section.pseudonym_key.exists()
    loaded = set(names(section).values())
    assert {one.key for one in plan_cohort(section, NOWHERE).subjects} == loaded


def test_who_trains_does_not_depend_on_pseudonyms(listing: Listing) -> None:
    def uses(section: CohortConfig) -> list[set[str]]:
        cohort = load_cohort(section, NOWHERE)
        splits = split_cohort(cohort, section)
        return [{cohort[key].id for key in keys} for keys in (splits.train, splits.validation, splits.test)]

    people = [(f"person{number}", "Lyon") for number in range(10)]
    assert uses(listing(people)) == uses(listing(people, pseudonymise=False))


def test_the_private_table_tells_who_is_who(listing: Listing, tmp_path: Path) -> None:
    cohort = load_cohort(listing(), NOWHERE)
    table = SubjectsFile(tmp_path / "subjects.csv", "the list is lost")
    table.write(cohort)
    assert {(one.key, one.id, one.patient) for one in table.read()} == {
        (one.key, one.id, f"{one.id}-patient") for one in cohort.subjects
    }


def test_problems_while_listing_name_pseudonyms_and_no_files(listing: Listing, tmp_path: Path) -> None:
    section = listing()
    found = names(section)
    scan = tmp_path / "Lyon" / "schmidt" / "schmidt_dwi.nii"
    scan.unlink()
    other = tmp_path / "Nice" / "garcia" / "garcia_dwi.nii"
    other.unlink()
    other.symlink_to(tmp_path / "Nice" / "mueller" / "mueller_dwi.nii")
    with pytest.raises(CohortError) as error:
        load_cohort(section, NOWHERE)
    assert_nameless(str(error.value))
    missing, shared, _ = error.value.problems
    assert missing.subject == found["schmidt", "Lyon"]
    assert missing.what == "the DWI file is missing"
    assert shared.what == f"the DWI file is also given as DWI of {found['mueller', 'Nice']}"


def test_two_files_for_a_modality_are_counted_and_not_named(
    tmp_path: Path, nifti: Callable[[Path], Path], configure: Callable[..., CohortConfig]
) -> None:
    for name in ("mueller_dwi.nii", "mueller_run-2_dwi.nii"):
        nifti(tmp_path / "sub-mueller" / name)
    section = {"sources": ["isles2022"], "isles2022": {"root": tmp_path}}
    hidden = configure(**section, pseudonymise=True, pseudonym_key=str(tmp_path / "key"))
    with pytest.raises(CohortError) as error:
        load_cohort(hidden, NOWHERE)
    assert_nameless(str(error.value))
    assert "2 files for DWI;" in str(error.value)
    with pytest.raises(CohortError, match=r"2 files for DWI \(mueller_dwi.nii, mueller_run-2_dwi.nii\);"):
        load_cohort(configure(**section), NOWHERE)


def test_problems_of_scans_name_pseudonyms_and_no_files(listing: Listing, tmp_path: Path) -> None:
    section = listing()
    cohort = load_cohort(section, NOWHERE)
    (tmp_path / "Lyon" / "schmidt" / "schmidt_dwi.nii").write_bytes(b"no scan")
    (key,) = (one.key for one in cohort.subjects if one.id == "schmidt")
    content = {
        "study": {"name": "x"},
        "cohort": {"modalities": ["DWI"]},
        "modality_dropout": {"droppable": []},
    }
    protocol = ImagingProtocol(("DWI",), "lesion", "none", validate(content).imaging)
    with pytest.raises(CohortError) as fault:
        fingerprint(cohort, [key], protocol)
    with pytest.raises(CohortError) as prepared:
        prepare_cohort(cohort, [key], protocol, tmp_path / "cache", (1, 1, 1))
    told = "\n".join(check_cohort(cohort, protocol).lines())
    for text in (str(fault.value), str(prepared.value), told):
        assert_nameless(text)
        assert f"{key}: DWI: it is truncated or damaged" in text or f"{key}: DWI: it cannot be read" in text


def test_fixed_splits_take_ids_and_pseudonyms_and_tell_pseudonyms(listing: Listing, tmp_path: Path) -> None:
    section = listing()
    found = names(section)
    fixed = tmp_path / "splits.json"
    section = listing(splits={"kind": "fixed", "path": str(fixed)})
    fixed.write_text(f'{{"train": ["schmidt", "{found["mueller", "Lyon"]}"], "validation": ["garcia"]}}')
    splits = split_cohort(load_cohort(section, NOWHERE), section)
    assert set(splits.train) == {found["schmidt", "Lyon"], found["mueller", "Lyon"]}
    assert splits.validation == (found["garcia", "Nice"],)
    fixed.write_text('{"train": ["schmidt", "muellerr", "mueller"], "validation": ["garcia", "schmidt"]}')
    with pytest.raises(ConfigError) as error:
        split_cohort(load_cohort(section, NOWHERE), section)
    assert_nameless(str(error.value))
    absent, unclear, twice = error.value.problems
    assert "subject 2 of train is not in the cohort of 4" in absent
    assert "subject 3 of train is at 2 centers" in unclear
    assert f"subject {found['schmidt', 'Lyon']} is listed twice (train, validation)" in twice


def test_a_patient_in_two_fixed_splits_is_not_named(listing: Listing, tmp_path: Path) -> None:
    fixed = tmp_path / "splits.json"
    fixed.write_text('{"train": ["schmidt", "garcia"], "validation": ["Lyon/mueller"], "test": []}')
    section = listing(splits={"kind": "fixed", "path": str(fixed)})
    table = tmp_path / "m.csv"
    table.write_text(table.read_text().replace("schmidt-patient", "mueller-patient"))
    with pytest.raises(ConfigError, match=r"a patient is in two splits: .*train \(Lyon-\w{10}\)") as error:
        split_cohort(load_cohort(section, NOWHERE), section)
    assert_nameless(str(error.value))


def test_two_subjects_of_one_name_are_refused(listing: Listing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("study.cohort.load.pseudonym", lambda key, center, identity: "AAAAAAAAAA")
    with pytest.raises(CohortError, match="Lyon-AAAAAAAAAA: two subjects have this name") as error:
        load_cohort(listing(), NOWHERE)
    assert_nameless(str(error.value))
