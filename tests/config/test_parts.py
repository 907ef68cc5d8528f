"""Parts by name: ours, and those of packages that are installed."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest
from installing import installed

from study.config.parts import PARTS, check_part, find_part, part_names, part_settings

LINES = [(kind, name) for kind, names in PARTS.items() for name in names]
SCHEDULES = """
from dataclasses import dataclass
from study.config.parts import Part

@dataclass(frozen=True)
class Quadratic:
    rate: float = 2.0

def quadratic(schedule, position):
    return 1 - position ** schedule.settings.rate

QUADRATIC = Part(quadratic, Quadratic)

def half(schedule, position):
    return 0.5
"""


@pytest.fixture
def schedules(tmp_path: Path):
    points = {"fadeout.schedules": {"quadratic": "QUADRATIC", "half": "half"}}
    with installed(tmp_path, "gentle", SCHEDULES, points):
        yield


@pytest.mark.parametrize(("kind", "name"), LINES)
def test_every_line_of_the_table_leads_to_a_part_without_settings_of_its_own(kind: str, name: str) -> None:
    assert find_part(kind, name) is not None
    assert part_settings(kind, name) is None


def test_parts_of_installed_packages_are_listed_beside_ours(schedules: None) -> None:
    assert {"quadratic", "half", "linear"} <= set(part_names("schedules"))
    assert "quadratic" not in part_names("losses")


def test_a_part_of_an_installed_package_is_found_with_or_without_settings(schedules: None) -> None:
    assert find_part("schedules", "half")(None, 0.3) == 0.5
    assert part_settings("schedules", "half") is None
    assert find_part("schedules", "quadratic").__name__ == "quadratic"
    settings = part_settings("schedules", "quadratic")
    assert settings is not None
    assert settings.__name__ == "Quadratic"


def test_names_are_listed_without_importing_the_package(tmp_path: Path) -> None:
    with installed(tmp_path, "broken", "raise RuntimeError('at import')", {"fadeout.losses": {"mine": "x"}}):
        assert "mine" in part_names("losses")


def test_a_name_that_nobody_has_is_answered_with_the_nearest_one() -> None:
    with pytest.raises(ValueError, match=r"must be one of asha, .*none, got 'ahsa'; did you mean asha\?"):
        find_part("schedulers", "ahsa")


def test_two_packages_with_the_same_name_are_both_named(tmp_path: Path) -> None:
    with ExitStack() as stack:
        for name in ("one", "other"):
            stack.enter_context(installed(tmp_path, name, "x = 1", {"fadeout.metrics": {"mine": "x"}}))
        with pytest.raises(ValueError, match=r"'mine' among fadeout\.metrics") as caught:
            check_part("metrics", "mine")
    assert {"one", "other"} <= set(str(caught.value).replace(",", "").split())


def test_a_package_cannot_replace_a_part_of_ours(tmp_path: Path) -> None:
    with (
        installed(tmp_path, "greedy", "x = 1", {"fadeout.losses": {"dice": "x"}}),
        pytest.raises(ValueError, match=r"fadeout and greedy both have 'dice' among fadeout\.losses"),
    ):
        check_part("losses", "dice")


def test_a_package_that_cannot_be_imported_is_named(tmp_path: Path) -> None:
    with (
        installed(tmp_path, "broken", "raise RuntimeError('no luck')", {"fadeout.losses": {"mine": "x"}}),
        pytest.raises(
            ValueError, match=r"'mine' of package broken .* cannot be imported: RuntimeError: no luck"
        ),
    ):
        check_part("losses", "mine")
