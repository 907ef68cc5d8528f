"""The lesion that a thrombus is near: its place on the grid that is predicted on, and where it is cached."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from study.cohort.records import Cohort, Subject
from study.config import Config
from study.errors import CohortError, ConfigError, Problem
from study.imaging import register
from study.imaging.cache import PreparedCohort, prepare_cohort
from study.imaging.check import check_cohort
from study.imaging.geometry import center_of_mass
from study.imaging.lesion import LesionCenter
from study.imaging.prepare import prepare_subject
from study.imaging.prepared import Prepared
from study.imaging.read import read_mask
from study.imaging.resample import resample
from study.imaging.volume import Grid, Volume
from study.workflow import notes
from study.workflow.protocol import imaging_protocol

AFFINE = np.diag([2.0, 2.0, 5.0, 1.0])  # of DWI, ADC and lesion, 14×12×8 voxels
FINE = np.array(
    [[1.0, 0, 0, -0.5], [0, 1, 0, -0.5], [0, 0, 2.5, -1.25], [0, 0, 0, 1]]
)  # the same box, twice as fine
NATIVE_MM = (2.5, 1.0, 1.0)
# The conftest's lesion: x 5 to 6, y 4 to 5, z 3 to 4. A voxel i of the coarse grid has its middle at 2 i + 0.5.
CENTER = (7.5, 9.5, 11.5)


@pytest.fixture
def make_patient(make_subject: Callable, write_nifti: Callable) -> Callable[..., Subject]:
    """A subject with DWI, ADC and lesion on a coarse grid, SWAN and thrombus on a fine one."""

    def make(name: str = "one", **arrays: np.ndarray | None) -> Subject:
        subject = make_subject(name, **arrays)
        swan = np.zeros((28, 24, 16), np.float32)
        swan[6:22, 6:18, 4:12] = np.random.default_rng(sum(name.encode())).uniform(50, 60, (16, 12, 8))
        thrombus = np.zeros((28, 24, 16), np.uint8)
        thrombus[10:12, 8, 6] = 1
        images = {**subject.images, "SWAN": write_nifti(f"{name}/SWAN.nii.gz", swan, FINE)}
        masks = {**subject.masks, "thrombus": write_nifti(f"{name}/thrombus.nii.gz", thrombus, FINE)}
        return replace(subject, images=images, masks=masks)

    return make


@pytest.fixture
def thrombus_config(make_config: Callable) -> Callable[..., Config]:
    def make(**values: object) -> Config:
        content = {
            "cohort.modalities": ["DWI", "SWAN"],
            "cohort.target": "thrombus",
            "imaging.reference": "SWAN",
            "modality_dropout.droppable": [],
        }
        return make_config(content | {key.replace("__", "."): value for key, value in values.items()})

    return make


def prepare(subject: Subject, config: Config) -> Prepared:
    return prepare_subject(subject, imaging_protocol(config), NATIVE_MM)


def test_the_middle_of_the_mask_lies_in_voxels_of_the_grid_that_is_predicted_on(
    make_patient: Callable, thrombus_config: Callable
) -> None:
    prepared = prepare(make_patient(), thrombus_config())
    assert prepared.native.shape == (16, 24, 28)
    assert prepared.lesion == pytest.approx(CENTER, abs=1e-9)


def test_it_is_the_middle_of_the_mask_brought_there_voxel_by_voxel(make_patient: Callable) -> None:
    mask = read_mask(make_patient().masks["lesion"], "one")
    turned = np.array([[0.1, 0, 0.99, -3], [0, 0.9, 0, 1], [2.1, 0, -0.1, 2], [0, 0, 0, 1]])
    grid = Grid((18, 24, 26), turned)
    naive = center_of_mass(resample(mask.data, mask.grid, grid, order=0) > 0)
    lesion = LesionCenter.of(mask)
    assert lesion is not None
    np.testing.assert_allclose(lesion.on(grid), np.array(naive), atol=0.5)  # which rounds to whole voxels


def test_on_its_own_grid_it_is_exact() -> None:
    grid = Grid((8, 12, 14), AFFINE)
    data = np.zeros(grid.shape, np.uint8)
    data[3, 1, 2] = data[4, 1, 2] = data[4, 2, 2] = 1
    lesion = LesionCenter.of(Volume(data, grid))
    assert lesion is not None
    assert lesion.on(grid) == (11 / 3, 4 / 3, 2.0)


@pytest.mark.parametrize("source", ["none", "empty", "no file"])
def test_without_a_lesion_there_is_none(
    make_patient: Callable, thrombus_config: Callable, source: str
) -> None:
    lesions = {"none": {}, "empty": {"lesion": np.zeros((14, 12, 8), np.uint8)}, "no file": {"lesion": None}}
    config = thrombus_config(lesion__source="none" if source == "none" else "file")
    assert prepare(make_patient(**lesions[source]), config).lesion is None


def test_where_lesions_are_the_target_none_is_looked_for(
    make_patient: Callable, thrombus_config: Callable
) -> None:
    config = thrombus_config(cohort__target="lesion", imaging__reference="DWI")
    prepared = prepare_subject(make_patient(), imaging_protocol(config), (5.0, 2.0, 2.0))
    assert prepared.lesion is None
    assert prepared.target is not None


def shifted(mm: float) -> np.ndarray:
    affine = AFFINE.copy()
    affine[0, 3] = mm
    return affine


@pytest.mark.parametrize(
    ("array", "affine", "what"),
    [
        (np.ones((14, 12, 8), np.uint8), shifted(4), "its header is up to 4.00 mm off"),
        (np.ones((10, 9, 7), np.uint8), shifted(300), "it covers 0% of the reference's box"),
        (np.full((14, 12, 8), 3, np.uint8), AFFINE, "the mask is not binary"),
    ],
    ids=["header", "another place", "values"],
)
def test_a_mask_that_does_not_fit_is_a_problem_with_a_remedy(
    make_patient: Callable,
    thrombus_config: Callable,
    write_nifti: Callable,
    array: np.ndarray,
    affine: np.ndarray,
    what: str,
) -> None:
    subject = make_patient()
    array[0, 0, 0] = 0
    write_nifti("one/lesion.nii.gz", array, affine)
    with pytest.raises(CohortError) as caught:
        prepare(subject, thrombus_config())
    (problem,) = caught.value.problems
    assert problem.file == subject.masks["lesion"]
    assert what in problem.what
    assert problem.remedy
    (told,) = check_cohort(Cohort((subject,)), imaging_protocol(thrombus_config())).problems
    assert told.what == problem.what
    assert prepare(subject, thrombus_config(lesion__source="none")).lesion is None


def test_a_mask_on_a_grid_of_its_own_that_fits_is_taken(
    make_patient: Callable, thrombus_config: Callable, write_nifti: Callable
) -> None:
    subject = make_patient()
    mask = np.zeros((9, 8, 10), np.uint8)
    mask[4, 5, 6] = 1  # of 3×3×4 mm, at (12, 15, 24) mm
    write_nifti("one/lesion.nii.gz", mask, np.diag([3.0, 3, 4, 1]))
    prepared = prepare(subject, thrombus_config())
    assert prepared.lesion == pytest.approx(((24 + 1.25) / 2.5, 15.5, 12.5))
    assert not check_cohort(Cohort((subject,)), imaging_protocol(thrombus_config())).problems


def test_a_lesion_follows_the_images_that_are_registered(
    make_patient: Callable, thrombus_config: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    motion = np.eye(4)
    motion[:3, 3] = (3, -2, 5)
    monkeypatch.setattr(register, "find_rigid", lambda *_: motion)
    monkeypatch.setattr(register, "_similarities", lambda *_: (1.0, 1.0))
    subject, config = make_patient(), thrombus_config(imaging__registration="rigid")
    expected = pytest.approx((CENTER[0] + 5 / 2.5, CENTER[1] - 2, CENTER[2] + 3))
    assert prepare(subject, config).lesion == expected
    model = config.with_values({"lesion.source": "model", "lesion.path": "bundle"})
    found = LesionCenter.of(read_mask(subject.masks["lesion"], "one"))
    assert prepare_subject(subject, imaging_protocol(model), NATIVE_MM, lesion=found).lesion == expected


@dataclass
class Finder:
    """Finds the lesion that is drawn, and remembers in whom it looked."""

    identity: str = "first"
    modalities: tuple[str, ...] = ("DWI", "ADC")
    asked: list[str] = field(default_factory=list)

    def find(self, subject: Subject) -> LesionCenter | None:
        self.asked.append(subject.id)
        if subject.id == "broken":
            raise CohortError([Problem(subject.id, subject.images["ADC"], "it is broken", "mend it")])
        return LesionCenter.of(read_mask(subject.masks["lesion"], subject.id))


def fill(config: Config, finder: Finder | None, *subjects: Subject) -> PreparedCohort:
    keys = [subject.key for subject in subjects]
    skip = config.cohort.on_error == "skip"
    protocol = imaging_protocol(config)
    return prepare_cohort(
        Cohort(subjects), keys, protocol, config.cache_root, NATIVE_MM, lesion_model=finder, skip_faulty=skip
    )


def test_the_cache_keeps_it_and_depends_on_the_mask(
    make_patient: Callable, thrombus_config: Callable
) -> None:
    config, subject = thrombus_config(), make_patient()
    first = fill(config, None, subject)
    assert first["CENTER-one"].lesion == pytest.approx(CENTER)
    empty = fill(config, None, make_patient(lesion=np.zeros((14, 12, 8), np.uint8)))
    assert empty["CENTER-one"].lesion is None
    assert empty.entries != first.entries


def test_without_a_source_the_mask_changes_nothing(make_patient: Callable, thrombus_config: Callable) -> None:
    config = thrombus_config(lesion__source="none")
    first = fill(config, None, make_patient())
    assert fill(config, None, make_patient(lesion=None)).entries == first.entries


def test_a_model_looks_once_for_each_subject_model_and_image(
    make_patient: Callable, thrombus_config: Callable, brain_image: np.ndarray
) -> None:
    config = thrombus_config(lesion__source="model", lesion__path="bundle")
    subjects = [make_patient(name) for name in ("a", "b", "c")]
    finder = Finder()
    first = fill(config, finder, *subjects)
    assert finder.asked == ["a", "b", "c"]
    assert [first[key].lesion for key in first] == [pytest.approx(CENTER)] * 3
    again = fill(config, finder, *subjects)
    assert finder.asked == ["a", "b", "c"]
    assert again["CENTER-b"].lesion == pytest.approx(CENTER)
    other = Finder(identity="second")
    assert fill(config, other, *subjects[:2]).entries["CENTER-a"] != first.entries["CENTER-a"]
    assert other.asked == ["a", "b"]
    # ADC is the model's alone, not the study's.
    fill(config, finder, make_patient("a", ADC=brain_image * 1.5))
    assert finder.asked == ["a", "b", "c", "a"]


def test_what_a_model_cannot_read_is_a_problem_of_the_subject(
    make_patient: Callable, thrombus_config: Callable
) -> None:
    config = thrombus_config(lesion__source="model", lesion__path="bundle")
    subjects = (make_patient("good"), make_patient("broken"))
    with pytest.raises(CohortError, match=r"ADC\.nii\.gz: it is broken; mend it"):
        fill(config, Finder(), *subjects)
    skipping = config.with_values({"cohort.on_error": "skip"})
    finder = Finder()
    for _ in range(2):  # no entry without a lesion is left behind for the next time
        prepared = fill(skipping, finder, *subjects)
        assert prepared.skipped == ("CENTER-broken",)
        assert list(prepared) == ["CENTER-good"]
    assert finder.asked == ["broken", "broken"]


def test_a_model_is_given_where_the_configuration_asks_for_one_and_only_there(
    make_patient: Callable, thrombus_config: Callable
) -> None:
    with pytest.raises(ValueError, match="lesion model"):
        fill(thrombus_config(lesion__source="model", lesion__path="bundle"), None, make_patient())
    with pytest.raises(ValueError, match="lesion model"):
        fill(thrombus_config(), Finder(), make_patient())


def test_a_note_counts_who_has_no_lesion(make_patient: Callable, thrombus_config: Callable) -> None:
    config = thrombus_config()
    subjects = (make_patient("a"), make_patient("b", lesion=None), make_patient("c", lesion=None))
    assert notes.without_lesion(fill(config, None, *subjects), config) == [
        "no lesion: near_lesion is skipped for 2 subjects"
    ]
    assert not notes.without_lesion(fill(config, None, subjects[0]), config)
    none = thrombus_config(lesion__source="none")
    assert not notes.without_lesion(fill(none, None, *subjects), none)


@pytest.mark.parametrize(
    ("values", "what"),
    [
        ({"lesion.source": "model"}, "lesion.path: lesion.source=model needs a study's folder or a bundle"),
        (
            {"lesion.path": "bundle"},
            "lesion.path: it is read with lesion.source=model only, and that is file",
        ),
        (
            {"lesion.source": "model", "lesion.path": "bundle", "cohort.target": "lesion"},
            "lesion.source: model finds lesions for cohort.target=thrombus",
        ),
    ],
)
def test_settings_that_contradict_each_other_are_refused(
    thrombus_config: Callable, values: dict[str, object], what: str
) -> None:
    with pytest.raises(ConfigError, match=what):
        thrombus_config().with_values(values)
