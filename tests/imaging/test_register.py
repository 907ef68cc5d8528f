"""Registration with ANTs: a simulated patient whose diffusion images are moved by a known amount."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from study.config import Config, Imaging, Phantom
from study.errors import CohortError, ConfigError
from study.imaging import register
from study.imaging.check import check_cohort
from study.imaging.prepare import prepare_images
from study.imaging.read import read_volume
from study.imaging.register import find_motions, find_rigid, motion_size, moved, mutual_information
from study.imaging.scan import Scan, read_scan
from study.imaging.volume import Grid, Volume
from study.phantoms.roster import phantom_roster
from study.phantoms.simulate import simulate
from study.phantoms.write import write_image
from study.records import StudyFolder
from study.workflow.forecast import forecast
from study.workflow.preparation import prepare_study
from study.workflow.protocol import imaging_protocol

MODALITIES = ("DWI", "ADC", "B0", "SWAN", "PHASE")
MOTION_DEG, MOTION_MM = (6.0, -4.0, 3.0), (5.0, -7.0, 4.0)


@pytest.fixture(scope="module")
def phantom(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """All files of one simulated patient of MATAR."""
    subject = phantom_roster(Phantom(centers=("MATAR",), subjects_per_center=1))[0]
    folder = tmp_path_factory.mktemp("phantom")
    simulated = simulate(subject, Phantom())
    files = {}
    for name, (data, affine) in {**simulated.images, **simulated.masks}.items():
        files[name] = folder / f"{name}.nii.gz"
        write_image(files[name], data.astype(np.uint8) if name in simulated.masks else data, affine)
    return files


def motion_about(grid: Grid) -> np.ndarray:
    """The known motion, about the middle of a grid."""
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_euler("xyz", MOTION_DEG, degrees=True).as_matrix()
    middle = (grid.affine @ [*((np.array(grid.shape) - 1) / 2), 1])[:3]
    matrix[:3, 3] = middle + MOTION_MM - matrix[:3, :3] @ middle
    return matrix


def move_files(files: Mapping[str, Path], names: tuple[str, ...], folder: Path) -> dict[str, Path]:
    """Copies of some files whose headers put them elsewhere, and the others as they are."""
    motion = motion_about(read_volume(files["DWI"], "one").grid)
    copies = {}
    for name in names:
        image = nib.load(files[name])
        copies[name] = folder / f"{name}.nii.gz"
        nib.save(nib.Nifti1Image(np.asanyarray(image.dataobj), motion @ image.affine), copies[name])
    return {**files, **copies}


def scan_of(files: Mapping[str, Path], registration: str, reference: str = "SWAN") -> Scan:
    return read_scan(
        files, MODALITIES, reference, files, "thrombus", "one", lesion=True, registration=registration
    )  # type: ignore[arg-type]


def test_a_known_motion_is_undone_within_a_millimetre_and_a_degree(
    phantom: dict[str, Path], tmp_path: Path
) -> None:
    truth = scan_of(phantom, "headers")
    files = move_files(phantom, ("DWI", "ADC", "B0", "lesion"), tmp_path)
    scan = scan_of(files, "rigid")
    assert not scan.problems
    assert len(scan.motions) == 1
    left = scan.volumes["DWI"].grid.affine @ np.linalg.inv(truth.volumes["DWI"].grid.affine)
    shift_mm, degrees = motion_size(left, truth.volumes["DWI"].grid)
    assert shift_mm < 1
    assert degrees < 1
    # One transform for all that share the grid, the lesion's mask among them; voxels stay as they are.
    for name in ("ADC", "B0"):
        np.testing.assert_array_equal(scan.volumes[name].grid.affine, scan.volumes["DWI"].grid.affine)
        np.testing.assert_array_equal(scan.volumes[name].data, truth.volumes[name].data)
    assert scan.lesion is not None
    assert truth.lesion is not None
    apart = np.subtract(scan.lesion.on(scan.native), truth.lesion.on(truth.native))
    assert np.linalg.norm(apart * scan.native.spacing_mm) < 1.5
    # The other family has not moved.
    for name in ("SWAN", "PHASE"):
        np.testing.assert_array_equal(scan.volumes[name].grid.affine, truth.volumes[name].grid.affine)


def test_images_that_are_in_place_stay_within_a_millimetre(phantom: dict[str, Path]) -> None:
    scan = scan_of(phantom, "rigid")
    assert not scan.problems
    (motion,) = scan.motions
    shift_mm, degrees = motion_size(motion.matrix, motion.grid)
    assert shift_mm < 1
    assert degrees < 1


@pytest.mark.slow
def test_it_is_the_same_to_the_last_bit_in_another_process_whatever_its_threads(
    phantom: dict[str, Path],
) -> None:
    code = (
        "import sys; from pathlib import Path; from study.imaging.read import read_volume; "
        "from study.imaging.register import find_rigid; "
        "one, other = (read_volume(Path(name), 'one') for name in sys.argv[1:]); "
        "print(find_rigid(one, other).tobytes().hex())"
    )
    paths = [str(phantom[name]) for name in ("DWI", "SWAN")]
    environment = {**os.environ, register.THREADS: "2"}
    done = subprocess.run(
        [sys.executable, "-c", code, *paths], env=environment, capture_output=True, text=True, check=True
    )
    one, other = (read_volume(Path(path), "one") for path in paths)
    assert done.stdout.strip() == find_rigid(one, other).tobytes().hex()


def test_it_prints_nothing_and_leaves_no_file(
    phantom: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    threads = os.environ.get(register.THREADS)
    find_rigid(read_volume(phantom["ADC"], "one"), read_volume(phantom["SWAN"], "one"))
    assert capfd.readouterr() == ("", "")
    assert not list(tmp_path.iterdir())
    assert os.environ.get(register.THREADS) == threads


def box(shift_mm: float = 0.0, shape: tuple[int, int, int] = (10, 20, 20)) -> Volume:
    """A bright ball of texture in 3 mm voxels, in a box that is shifted along x."""
    affine = np.array([[0, 0, 3, shift_mm], [0, 3, 0, 0], [3, 0, 0, 0], [0, 0, 0, 1.0]])
    index = np.indices(shape).T - (np.array(shape) - 1) / 2
    ball = np.linalg.norm(index, axis=-1).T < 4
    return Volume(
        (ball * np.random.default_rng(0).uniform(1, 2, shape)).astype(np.float32), Grid(shape, affine)
    )


def shift(x: float) -> np.ndarray:
    matrix = np.eye(4)
    matrix[0, 3] = x
    return matrix


def turn(degrees: float) -> np.ndarray:
    """About the middle of the box along the slices."""
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_euler("z", degrees, degrees=True).as_matrix()
    middle = np.array([28.5, 28.5, 13.5])
    matrix[:3, 3] = middle - matrix[:3, :3] @ middle
    return matrix


@pytest.mark.parametrize(
    ("motion", "moving", "similarities", "what"),
    [
        (shift(-6), box(6), None, None),
        (turn(3), box(0), (1.0, 0.985), None),
        (
            shift(31),
            box(6),
            (1.0, 1.0),
            "moves it by 31.0 mm and 0.0°, more than a patient moves (30 mm, 20°)",
        ),
        (turn(21), box(0), (1.0, 1.0), "moves it by 0.0 mm and 21.0°"),
        (shift(9), box(0), None, "makes it less similar to the reference"),
        (turn(3), box(0), (1.0, 0.975), "less similar to the reference (0.975 after 1.000 nats)"),
        (np.eye(4), box(3), (1.0, 1.0), "finds nothing in it to go by"),
    ],
    ids=["shift", "as good", "far", "round", "worse", "hardly worse", "nothing"],
)
def test_a_registration_that_cannot_be_believed_is_a_fault(
    monkeypatch: pytest.MonkeyPatch,
    motion: np.ndarray,
    moving: Volume,
    similarities: tuple[float, float] | None,
    what: str | None,
) -> None:
    monkeypatch.setattr(register, "find_rigid", lambda *_: motion)
    if similarities:
        monkeypatch.setattr(register, "_similarities", lambda *_: similarities)
    motions, faults = find_motions({"SWAN": box(shape=(10, 20, 21)), "DWI": moving}, "SWAN")
    if what is None:
        assert not faults
        np.testing.assert_allclose(
            moved(moving.grid, motions).affine, motion @ moving.grid.affine, atol=1e-12
        )
    else:
        assert what in faults["DWI"]
        assert not motions


def test_an_image_without_signal_is_a_fault_and_no_crash() -> None:
    moving = Volume(np.ones((10, 20, 20), np.float32), box(3).grid)
    _, faults = find_motions({"SWAN": box(shape=(10, 20, 21)), "DWI": moving}, "SWAN")
    assert set(faults) == {"DWI"}


def test_what_shares_a_grid_shares_a_transform_and_the_reference_s_grid_stays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sought = []

    def find(moving: Volume, fixed: Volume) -> np.ndarray:
        sought.append((moving, fixed))
        return shift(0.5)

    monkeypatch.setattr(register, "find_rigid", find)
    monkeypatch.setattr(register, "_similarities", lambda *_: (1.0, 1.0))
    swan, dwi, b0 = box(shape=(10, 20, 21)), box(3), box(6)
    volumes = {"B0": b0, "ADC": box(3), "DWI": dwi, "PHASE": box(shape=(10, 20, 21)), "SWAN": swan}
    motions, faults = find_motions(volumes, "PHASE")
    assert not faults
    assert sought == [(dwi, swan), (b0, swan)]  # a phase image is no reference to compare with
    assert [motion.grid for motion in motions] == [dwi.grid, b0.grid]
    sought.clear()
    motions, _ = find_motions(volumes, "ADC")
    assert sought == [(b0, volumes["ADC"])]
    assert moved(dwi.grid, motions) is dwi.grid


def test_a_fault_is_a_problem_of_the_subject_with_a_remedy(
    make_subject: Callable, monkeypatch: pytest.MonkeyPatch, write_nifti: Callable
) -> None:
    fine = np.diag([1.0, 1.0, 2.5, 1.0])
    swan = write_nifti("one/SWAN.nii.gz", np.random.default_rng(0).uniform(1, 2, (28, 24, 16)), fine)
    images = {**make_subject().images, "SWAN": swan}
    monkeypatch.setattr(register, "find_rigid", lambda *_: shift(50))
    settings = Imaging(reference="SWAN", registration="rigid")
    with pytest.raises(CohortError) as caught:
        prepare_images(images, ("DWI", "ADC", "SWAN"), settings, None)
    (problem,) = caught.value.problems
    assert problem.file == images["DWI"]
    assert "50.0 mm" in problem.what
    assert "register it to SWAN yourself" in problem.remedy


def test_mutual_information_by_hand() -> None:
    one = np.array([0.0, 0, 1, 1])
    assert mutual_information(one, 5 - 3 * one) == pytest.approx(np.log(2))
    assert mutual_information(one, np.array([0.0, 1, 0, 1])) == pytest.approx(0)


def test_the_size_of_a_motion_by_hand() -> None:
    grid = Grid((3, 3, 3), np.eye(4))  # its middle is at (1, 1, 1)
    quarter = np.array([[0, -1.0, 0, 0], [1, 0, 0, 0], [0, 0, 1, 4], [0, 0, 0, 1]])  # (1, 1, 1) to (-1, 1, 5)
    assert motion_size(quarter, grid) == pytest.approx((np.sqrt(20), 90))


def test_without_ants_nothing_begins(
    make_config: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ants", None)  # an import that fails
    config: Config = make_config({"imaging.registration": "rigid", "study.root": str(tmp_path / "studies")})
    folder = StudyFolder(config.study.root, "test")
    for begin in (
        lambda: prepare_study(config, folder),
        lambda: forecast(config),
        lambda: check_cohort(None, imaging_protocol(config)),  # type: ignore[arg-type]
    ):
        with pytest.raises(ConfigError, match=r"pip install 'fadeout\[registration\]'"):
            begin()
    assert not (tmp_path / "studies").exists()
