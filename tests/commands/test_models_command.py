"""`python -m study.models`: every network has an input, and what is printed can be counted by hand."""

from __future__ import annotations

import pytest

from models import MODELS, find_model
from study.commandline import Settings
from study.commandline.composition import compose
from study.commandline.groups import choices
from study.errors import ConfigError
from study.models import _prepared, main

SMALL = (
    "model.stages=2",
    "model.base_channels=2",
    "model.patch_size=[1,8,8]",
    "cohort.modalities=[T1]",
    "trainer.device=cpu",
)


def rows_of(capsys: pytest.CaptureFixture[str]) -> list[list[str]]:
    """The table's rows, heads first."""
    _, table = capsys.readouterr().out.split("\n\n")
    return [line.split() for line in table.splitlines()]


def test_every_network_can_be_chosen() -> None:
    assert {compose([f"model={choice}"]).model.name for choice in choices()["model"]} == set(MODELS)


@pytest.mark.parametrize("choice", choices()["model"])
def test_every_choice_is_planned_for_the_input_of_its_paper(choice: str) -> None:
    config, plan = _prepared(choice, Settings({}))
    given = find_model(config.model.name).benchmark
    assert (plan.patch_size, plan.modalities) == (given.size, given.modalities)


def test_a_small_unet_costs_what_is_counted_by_hand(capsys: pytest.CaptureFixture[str]) -> None:
    main(["model=unet2d", *SMALL])
    # convolutions 1 to 2 and 2 to 4, up 4 to 2, convolution 4 to 2, head 2 to 2; two numbers a normalised channel
    parameters = (9 * 2 + 4) + (9 * 8 + 8) + (4 * 8 + 2) + (9 * 8 + 4) + (4 + 2)
    flops = 2 * (64 * 9 * 2 + 16 * 9 * 8 + 16 * 4 * 8 + 64 * 9 * 8 + 64 * 4)
    heads, row = rows_of(capsys)
    assert heads[:5] == ["model", "input", "modalities", "parameters", "GFLOPs"]
    assert row[:4] == ["unet2d", "1×8×8", "T1", str(parameters)]
    assert row[4] == f"{flops / 1e9:.3g}"


def test_several_networks_are_measured_in_the_order_given(capsys: pytest.CaptureFixture[str]) -> None:
    main(["model=[unet2d, tiramisu]", "model.patch_size=[1,32,64]", "trainer.device=cpu"])
    assert [row[0] for row in rows_of(capsys)] == ["model", "unet2d", "tiramisu"]


def test_nothing_is_printed_before_all_networks_are_planned(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ConfigError, match="not divisible by 1×32×32"):
        main(["model=[unet2d, tiramisu]", "model.patch_size=[1,16,16]"])
    assert capsys.readouterr().out == ""


def test_an_unknown_network_is_answered_with_those_there_are() -> None:
    with pytest.raises(ConfigError, match=r"must be one of .*unet2d, .*got 'unet4d'"):
        main(["model=unet4d"])


def test_help_names_the_choices_and_measures_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--help"])
    text = capsys.readouterr().out
    assert "python -m study.models" in text
    assert "unet2d" in text
    assert "Batch 1" not in text
