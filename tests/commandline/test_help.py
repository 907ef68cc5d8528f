"""`--help` is generated from the configuration."""

from __future__ import annotations

from pathlib import Path

from installing import installed

from study.commandline.help import help_text, named_parts
from study.config import legal_keys


def test_every_section_and_its_keys_are_listed() -> None:
    lines = help_text("study.run", "Purpose.").splitlines()
    assert lines[0] == "Purpose."
    assert f"  schedule: {', '.join(legal_keys('schedule'))}" in lines
    assert {f"  {key}" for key in legal_keys()} <= {line.split(":")[0] for line in lines}


def test_settings_that_name_parts_are_listed_with_the_names() -> None:
    parts = dict(named_parts())
    assert parts["tuning.scheduler"] == ("asha", "none")
    assert {"cohort.sources", "model.name", "trainer.criterion", "postprocessing.steps"} <= set(parts)


def test_parts_of_installed_packages_are_listed(tmp_path: Path) -> None:
    with installed(tmp_path, "mine", "def half(*_): ...", {"fadeout.schedules": {"half": "half"}}):
        assert "|half|" in help_text("study.run", "")
