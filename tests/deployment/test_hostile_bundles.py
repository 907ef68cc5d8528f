"""Bundles from strangers: whatever they hold, loading ends with a BundleError, soon and in little memory."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hostile import damaged_bytes, damaged_json, run_bounded
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from study.deployment.bundle import CARD, MANIFEST, WEIGHTS
from study.deployment.predictor import load_bundle
from study.errors import BundleError
from study.workflow.export import export_bundle

bounded_fuzz = settings(
    max_examples=200,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture(scope="module")
def files(bundle_path: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in bundle_path.iterdir()}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hostile")


def signed(content: Any, files: Mapping[str, bytes]) -> bytes:
    """A manifest whose checksums fit: a stranger can write them as well as we can."""
    content = json.loads(json.dumps(content))
    if isinstance(content, dict):
        content.pop("checksum", None)
        if isinstance(content.get("files"), dict):
            for name in (WEIGHTS, CARD):
                content["files"][name] = hashlib.sha256(files[name]).hexdigest()
        checksum = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
        content = {**content, "checksum": checksum}
    return json.dumps(content).encode()


def written(folder: Path, files: Mapping[str, bytes]) -> Path:
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


def outcome(path: Path) -> str:
    try:
        load_bundle(path, "cpu")
    except BundleError as error:
        return str(error)
    return f"{path}: loaded"


@bounded_fuzz
@given(st.data())
def test_any_manifest(files: dict[str, bytes], place: Path, data: st.DataObject) -> None:
    manifest = data.draw(damaged_json(json.loads(files[MANIFEST])))
    path = written(place / "b", {**files, MANIFEST: signed(manifest, files)})
    assert outcome(path).startswith(f"{path}: ")


@bounded_fuzz
@given(st.data())
def test_any_plan_of_the_network(files: dict[str, bytes], place: Path, data: st.DataObject) -> None:
    manifest = json.loads(files[MANIFEST])
    manifest["network"] = data.draw(damaged_json(manifest["network"]))
    path = written(place / "b", {**files, MANIFEST: signed(manifest, files)})
    assert outcome(path).startswith(f"{path}: ")


@bounded_fuzz
@given(st.data())
def test_any_bytes(files: dict[str, bytes], place: Path, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from([MANIFEST, WEIGHTS, CARD]))
    changed = {**files, name: data.draw(damaged_bytes(files[name]))}
    if name != MANIFEST:
        changed[MANIFEST] = signed(json.loads(files[MANIFEST]), changed)
    path = written(place / "b", changed)
    assert outcome(path).startswith(f"{path}: ")


@bounded_fuzz
@given(st.data())
def test_any_header_of_the_weights(files: dict[str, bytes], place: Path, data: st.DataObject) -> None:
    weights = files[WEIGHTS]
    end = 8 + int.from_bytes(weights[:8], "little")
    header = json.dumps(data.draw(damaged_json(json.loads(weights[8:end])))).encode()
    changed = {**files, WEIGHTS: len(header).to_bytes(8, "little") + header + weights[end:]}
    path = written(place / "b", {**changed, MANIFEST: signed(json.loads(files[MANIFEST]), changed)})
    assert outcome(path).startswith(f"{path}: ")


@pytest.fixture(scope="module")
def packed(tiny: Any, place: Path) -> bytes:
    export_bundle(tiny.folder, place / "exported.zip")
    return (place / "exported.zip").read_bytes()


@bounded_fuzz
@given(st.data())
def test_any_zip(packed: bytes, place: Path, data: st.DataObject) -> None:
    (place / "b.zip").write_bytes(data.draw(damaged_bytes(packed)))
    path = place / "b.zip"
    assert outcome(path).startswith(f"{path}: ")


@pytest.mark.parametrize("name", [WEIGHTS, MANIFEST, CARD])
def test_a_link_in_a_bundle_is_not_followed(files: dict[str, bytes], tmp_path: Path, name: str) -> None:
    bundle = written(tmp_path / "b", files)
    (bundle / name).rename(tmp_path / "elsewhere")
    (bundle / name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BundleError, match=f"{name}: it is a link"):
        load_bundle(bundle, "cpu")


def test_a_zip_that_names_a_file_twice_is_refused(files: dict[str, bytes], tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
        for name, content in [*files.items()]:
            archive.writestr(name, content)
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr(MANIFEST, b"{}")
    with pytest.raises(BundleError, match="two of its files have the same name"):
        load_bundle(tmp_path / "b.zip", "cpu")


def bombs(folder: Path, files: Mapping[str, bytes]) -> list[Path]:
    """Bundles that take gigabytes or minutes if they are read as they ask."""
    plain = json.loads(files[MANIFEST])
    made = []
    for number, (key, value) in enumerate(
        [
            ("features", [65536, 65536]),
            ("convs_encoder", [65536, 65536]),
            ("kernel_sizes", [[65535] * 3] * 2),
            ("n_classes", 65536),
            ("patch_size", [65536, 65536, 65536]),
            ("strides", [[65536] * 3] * 256),
        ]
    ):
        manifest = {**plain, "network": {**plain["network"], key: value}}
        made.append(written(folder / f"plan{number}", {**files, MANIFEST: signed(manifest, files)}))
    for name in (MANIFEST, CARD, WEIGHTS):
        made.append(written(folder / f"sparse-{name}", files))
        with (made[-1] / name).open("r+b") as file:
            file.truncate(2**33)
    made.append(written(folder / "deep", {**files, MANIFEST: b"[" * 900_000}))
    made.append(written(folder / "digits", {**files, MANIFEST: b'{"a": ' + b"9" * 6000 + b"}"}))
    for name in (MANIFEST, CARD, WEIGHTS):
        made.append(folder / f"{name}.zip")
        with zipfile.ZipFile(made[-1], "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            for other, content in files.items():
                with archive.open(other, "w") as member:
                    member.write(content)
                    for _ in range(300 if other == name else 0):
                        member.write(bytes(2**20))
    made.append(folder / "many.zip")
    with zipfile.ZipFile(made[-1], "w") as archive:
        for number in range(40_000):
            archive.writestr(zipfile.ZipInfo(str(number)), b"")
    return made


@pytest.mark.slow
def test_bombs_are_refused_within_a_gigabyte_and_five_seconds(
    files: dict[str, bytes], tmp_path: Path
) -> None:
    paths = bombs(tmp_path, files)
    said = run_bounded(
        "from pathlib import Path\nimport models.parts.outline\n"
        "from study.deployment.predictor import load_bundle\n"
        f"for path in {[str(path) for path in paths]!r}:\n    bounded(lambda: load_bundle(path, 'cpu'))"
    )
    assert len(said) == len(paths) == 15
    assert [line.startswith(f"BundleError {path}: ") for line, path in zip(said, paths, strict=True)] == [
        True
    ] * 15
