"""Networks of installed packages: found by name, imported only when chosen, and never in place of ours."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from models import MODELS, Scans, build_model, find_model, model_names, plan_model, read_plan

MODULE = """
from dataclasses import replace
from models import MODELS

SPEC = replace(MODELS["unet2d"], criterion="mine")
NUMBER = 3
"""
Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Installs a package with one module and entry points, as pip leaves it, for one test."""
    monkeypatch.syspath_prepend(tmp_path)

    def installed(package: str, module: str = MODULE, **networks: str) -> None:
        (tmp_path / f"{package}.py").write_text(module)
        metadata = tmp_path / f"{package}-1.0.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        points = "\n".join(f"{name} = {value}" for name, value in networks.items())
        (metadata / "entry_points.txt").write_text(f"[fadeout.models]\n{points}\n")
        monkeypatch.delitem(sys.modules, package, raising=False)

    return installed


def test_a_package_s_network_is_found_planned_and_built_like_ours(install: Install) -> None:
    install("theirs", mynet="theirs:SPEC")
    assert model_names() == tuple(sorted([*MODELS, "mynet"]))
    assert find_model("mynet") == replace(MODELS["unet2d"], criterion="mine")
    settings = {"stages": 2, "patch_size": None, "base_channels": 2, "max_channels": 4}
    plan = plan_model("mynet", settings, Scans(("T1",), (4, 8, 8), (1.0, 1.0, 1.0), 2))
    assert read_plan("mynet", plan.to_dict()) == plan
    assert build_model("mynet", plan).plan == plan


def test_names_are_listed_without_importing_anything(install: Install) -> None:
    install("theirs", "raise RuntimeError", mynet="theirs:SPEC")
    assert "mynet" in model_names()
    assert find_model("nnunet") is MODELS["nnunet"]
    assert "theirs" not in sys.modules


def test_an_unknown_name_is_answered_with_those_of_packages_too(install: Install) -> None:
    install("theirs", mynet="theirs:SPEC")
    with pytest.raises(
        ValueError, match=r"model\.name: no network 'mynets'; there are attlstm, lstm, .*mynet"
    ):
        find_model("mynets")


def test_our_networks_cannot_be_replaced(install: Install) -> None:
    install("theirs", urn="theirs:SPEC")
    assert model_names() == tuple(sorted(MODELS))
    with pytest.raises(ValueError, match=r"both fadeout and theirs have a network 'urn'.* uninstall theirs"):
        find_model("urn")
    assert find_model("unet2d") is MODELS["unet2d"]


def test_two_packages_cannot_claim_one_name(install: Install) -> None:
    install("theirs", mynet="theirs:SPEC")
    install("others", mynet="others:SPEC")
    with pytest.raises(
        ValueError, match=r"both (theirs and others|others and theirs) have a network 'mynet'"
    ):
        find_model("mynet")


@pytest.mark.parametrize(
    ("module", "value", "reason"),
    [
        ("import nowhere", "theirs:SPEC", "cannot be imported: ModuleNotFoundError: .*nowhere"),
        ("1 / 0", "theirs:SPEC", "cannot be imported: ZeroDivisionError"),
        (MODULE, "theirs:SPECS", "cannot be imported: AttributeError"),
        (MODULE, "theirs:NUMBER", r"must be a models\.ModelSpec, got int"),
    ],
    ids=["import", "error", "attribute", "type"],
)
def test_a_broken_package_is_named(install: Install, module: str, value: str, reason: str) -> None:
    install("theirs", module, mynet=value)
    with pytest.raises(ValueError, match=rf"mynet of package theirs \(entry point {value}\) {reason}"):
        find_model("mynet")


def test_specs_and_names_need_no_torch() -> None:
    code = (
        "import sys, models; models.model_names(); models.find_model('urn'); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
