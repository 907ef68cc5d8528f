"""Arguments before Hydra sees them, and what Hydra and YAML cannot read: one line each, no traceback."""

from __future__ import annotations

from pathlib import Path

import pytest

from study.commandline.composition import compose
from study.commandline.overrides import prepare_overrides, take_cfg_job
from study.errors import ConfigError

KNOWN = {"model": ["nnunet", "unet2d"], "schedule": ["linear"]}


def refused(*overrides: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        prepare_overrides(overrides, KNOWN)
    return list(caught.value.problems)


def test_values_are_forced_and_choices_stay() -> None:
    given = ["model=nnunet", "trainer.epochs=3", "+foo=1", "~schedule"]
    assert prepare_overrides(given, KNOWN) == ["model=nnunet", "++trainer.epochs=3", "+foo=1", "~schedule"]


def test_every_argument_that_is_no_override_is_named() -> None:
    assert refused("x", "model=unet", "trainer.epochs=1,2", "hydra/launcher=y") == [
        "x: not understood; write key=value (quote values with spaces or commas)",
        "model: must be one of nnunet, unet2d, got 'unet'; did you mean unet2d?",
        "trainer.epochs=1,2: several values; write [a,b] for a list, or search for the best one "
        "(search_space.trainer.epochs)",
        "hydra/launcher=y: no such group; there are model, schedule",
    ]


@pytest.mark.parametrize("asked", [["--cfg", "job"], ["--cfg=job"], ["-c", "job"], ["-c=job"]])
def test_the_question_for_the_configuration_is_taken_out(asked: list[str]) -> None:
    assert take_cfg_job(["a=1", *asked, "b=2"]) == (["a=1", "b=2"], True)
    assert take_cfg_job(["a=1", "--cfg"]) == (["a=1", "--cfg"], False)


def test_a_file_that_is_no_yaml_is_named_in_one_line(tmp_path: Path) -> None:
    folder = tmp_path / "search_space"
    folder.mkdir()
    (folder / "broken.yaml").write_text("a: [\n")
    with pytest.raises(ConfigError) as caught:
        compose(["--config-dir", str(tmp_path), "search_space=broken"])
    [problem] = caught.value.problems
    assert "broken.yaml" in problem
    assert "\n" not in problem


@pytest.mark.parametrize("argument", ["+trainer=quick", "~trainer.nothing", "model@x=nnunet"])
def test_what_hydra_refuses_is_told_in_one_line(argument: str) -> None:
    with pytest.raises(ConfigError) as caught:
        compose([argument])
    [problem] = caught.value.problems
    assert "HYDRA_FULL_ERROR" not in problem
    assert "\n" not in problem
