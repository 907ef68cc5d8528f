"""The checks of a network find what is wrong with it, and need no pytest."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest
from torch import Tensor, nn

from models import BenchmarkInput, ModelSpec, Plan, PublishedCost, Scans
from study.testing.models import CONTRACT, ModelCase, check_model


@dataclass
class Settings:
    """Settings of a network that is not one of ours."""

    width: int = 8


@dataclass(frozen=True)
class TinyPlan(Plan):
    """Two convolutions of some width."""

    width: int


class Tiny(nn.Module):
    """A network that keeps the contract."""

    def __init__(self, plan: TinyPlan) -> None:
        super().__init__()
        self.plan = plan
        self.first = nn.Conv3d(plan.n_inputs, plan.width, 3, padding=1)
        self.second = nn.Conv3d(plan.width, plan.n_classes, 3, padding=1)

    def forward(self, x: Tensor, present: Tensor | None = None) -> Tensor:
        if x.shape[1] != self.plan.n_inputs:
            raise ValueError(f"input must have {self.plan.n_inputs} modalities, got {list(x.shape)}")
        result: Tensor = self.second(self.first(x).relu())
        return result


def plan_tiny(name: str, settings: Mapping[str, Any], scans: Scans) -> TinyPlan:
    depth, height, width = settings["patch_size"]
    return TinyPlan(scans.modalities, scans.n_classes, (depth, height, width), settings["settings"]["width"])


SPEC = ModelSpec(
    plan=plan_tiny,
    plan_type=TinyPlan,
    build=Tiny,
    cost=PublishedCost(1e3, 1e3),
    benchmark=BenchmarkInput((8, 8, 8), ("T1", "T2"), (1.0, 1.0, 1.0)),
    settings=Settings,
)
# This file imports torch, and so does whoever reads its planner.
OTHERS = tuple(check for check in CONTRACT if check.__name__ != "check_planning_is_light")


class Infinite(Tiny):
    """Divides by zero."""

    def forward(self, x: Tensor, present: Tensor | None = None) -> Tensor:
        return super().forward(x, present) / 0


class Blind(Tiny):
    """Does not see the last modality."""

    def forward(self, x: Tensor, present: Tensor | None = None) -> Tensor:
        seen = x.clone()
        seen[:, -1] = 0
        return super().forward(seen, present)


class Unused(Tiny):
    """Has parameters that it does not use."""

    def __init__(self, plan: TinyPlan) -> None:
        super().__init__(plan)
        self.more = nn.Linear(1, 1)


class Mixing(Tiny):
    """Mixes the samples of a batch, in evaluation, too."""

    def forward(self, x: Tensor, present: Tensor | None = None) -> Tensor:
        logits = super().forward(x, present)
        return logits - logits.mean(0, keepdim=True) / 2


class Expecting(Tiny):
    """Gives something else without `present`."""

    def forward(self, x: Tensor, present: Tensor | None = None) -> Tensor:
        return super().forward(x, present) + (0 if present is None else 1)


class Cropping(Tiny):
    """Loses a column."""

    def forward(self, x: Tensor, present: Tensor | None = None) -> Tensor:
        return super().forward(x, present)[..., 1:]


class Careless(Tiny):
    """Takes any number of modalities."""

    def forward(self, x: Tensor, present: Tensor | None = None) -> Tensor:
        missing = self.plan.n_inputs - x.shape[1]
        return super().forward(nn.functional.pad(x, (0, 0, 0, 0, 0, 0, 0, missing)), present)


def test_a_network_that_keeps_the_contract_passes_with_settings_of_its_own() -> None:
    case = ModelCase("tiny", SPEC, {"settings": {"width": 2}})
    assert case.settings()["settings"] == {"width": 2}
    assert case.settings()["name"] == "tiny"
    assert len(OTHERS) == len(CONTRACT) - 1
    for check in OTHERS:
        check(case)


def test_settings_left_out_have_their_defaults() -> None:
    assert ModelCase("tiny", SPEC).settings()["settings"] == {"width": 8}


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (Infinite, "in training with present=.*: logits must be finite"),
        (Blind, "the output must depend on PHASE"),
        (Unused, r"parameter more\.weight must get a gradient"),
        (Mixing, "not close"),
        (Expecting, "present=None must mean that all are present"),
        (Cropping, r"logits must be \[2, 2, 8, 16, 16\], got \[2, 2, 8, 16, 15\]"),
        (Careless, r"an input of shape \[1, 2, 8, 16, 16\] must raise a ValueError .*, got no error"),
    ],
)
def test_a_fault_is_found(build: Callable[[TinyPlan], nn.Module], message: str) -> None:
    case = ModelCase("tiny", replace(SPEC, build=build))

    def check_all() -> None:
        for check in OTHERS:
            check(case)

    with pytest.raises(AssertionError, match=message):
        check_all()


def test_a_spec_that_imports_torch_is_found() -> None:
    with pytest.raises(AssertionError, match="planning must run without torch; import it inside of build"):
        check_model("tiny", SPEC)


def test_a_plan_of_another_type_is_found() -> None:
    @dataclass(frozen=True)
    class Other(TinyPlan):
        """Not what the planner returns."""

    with pytest.raises(AssertionError, match=r"plan must return a Other \(plan_type\), got a TinyPlan"):
        check_model("tiny", replace(SPEC, plan_type=Other))


def test_the_checks_need_no_pytest() -> None:
    code = "import sys, study.testing.models; sys.exit('pytest' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
