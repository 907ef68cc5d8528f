"""The contract of a network: what every `models.ModelSpec` must keep, on every availability subset.

`check_model` runs all checks. With pytest each check can be a test of its own::

    from study.testing.models import CONTRACT, ModelCase

    CASE = ModelCase("mynet", SPEC, {"settings": {"width": 4}})


    @pytest.mark.parametrize("check", CONTRACT)
    def test_contract(check) -> None:
        check(CASE)

Networks are built small: the checks set the `model` section of the configuration to `SMALL`.
"""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from models import ModelSpec, Scans, Synthesiser
from study.evaluation.inference import predict_subsets
from study.imaging.windows import Windows
from study.machine.runtime import Runtime
from study.testing.cases import SCANS, SMALL, ModelCase

__all__ = ["CONTRACT", "SCANS", "SMALL", "ModelCase", "check_model"]


def check_model(
    name: str, spec: ModelSpec, *, settings: Mapping[str, Any] | None = None, device: str = "cpu"
) -> None:
    """Run every check of the contract on a network; for tests of a package that adds one.

    Args:
        name: `model.name` of the network.
        spec: of the network.
        settings: its own settings (`model.settings`) for a small version of it; None for its defaults.
        device: that the network runs on.

    Raises:
        AssertionError: the network does not keep the contract; says how.
    """
    case = ModelCase(name, spec, {} if settings is None else {"settings": settings}, device=device)
    for check in CONTRACT:
        check(case)


def check_spec(case: ModelCase) -> None:
    """Cost, benchmark and largest patch are usable by forecasts and by `python -m study.models`."""
    spec = case.spec
    assert isinstance(case.plan(), spec.plan_type), (
        f"plan must return a {spec.plan_type.__name__} (plan_type), got a {type(case.plan()).__name__}"
    )
    assert spec.cost.flops_per_voxel > 0, "cost.flops_per_voxel must be above 0"
    assert (spec.cost.parameters > 0) == spec.learns, "cost.parameters must be above 0 if it learns"
    assert spec.fewest_modalities >= 1, f"fewest_modalities must be 1 or more, got {spec.fewest_modalities}"
    largest = spec.largest_patch(case.settings(), case.scans.batch_size)
    assert largest > 0, f"largest_patch must be above 0, got {largest}"
    given = spec.benchmark
    settings = {**case.settings(), "patch_size": given.size, "slices": given.size[0]}
    plan = spec.plan(case.name, settings, Scans(given.modalities, given.size, given.spacing_mm, 1))
    assert plan.modalities == given.modalities, (
        f"the benchmark's modalities must be kept, got {plan.modalities}"
    )


def check_planning_is_light(case: ModelCase) -> None:
    """The planner, and the modules of plan and settings, do not import torch: `dry_run` must stay fast."""
    code = (
        "import pickle, sys; plan, *arguments = pickle.load(sys.stdin.buffer); plan(*arguments); "
        "sys.exit('torch' in sys.modules)"
    )
    content = pickle.dumps((case.spec.plan, case.name, case.settings(), case.scans))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    done = subprocess.run(
        [sys.executable, "-c", code], input=content, env=environment, capture_output=True, check=False
    )
    assert done.returncode == 0, (
        f"planning must run without torch; import it inside of build {done.stderr.decode().strip()[-500:]}"
    )


def check_plan_survives_json(case: ModelCase) -> None:
    """A plan that is read back from JSON is the same and builds a network with the same parameters."""
    plan = case.plan()
    again = case.spec.plan_type.from_dict(json.loads(json.dumps(plan.to_dict())))
    assert again == plan, f"a plan must survive JSON, wrote {plan}, read {again}"
    case.spec.build(again).load_state_dict(case.spec.build(plan).state_dict())


def check_output_and_gradients(case: ModelCase) -> None:
    """On every subset: logits of the input's size, finite, and a finite gradient for every parameter."""
    for flags in case.subsets():
        network, (x, present) = case.network().train(), case.given(flags)
        outputs = outputs_of(network(x, present))
        _check_logits(outputs[0], case, f"in training with present={flags}")
        loss = torch.stack([tensor.square().mean() for tensor in outputs]).sum()
        assert loss.requires_grad == case.spec.learns, "learns must say whether there are parameters to train"
        if case.spec.learns:
            loss.backward()  # type: ignore[no-untyped-call]
        for name, parameter in network.named_parameters():
            gradient = parameter.grad
            assert gradient is not None, (
                f"parameter {name} must get a gradient with present={flags}, got none"
            )
            assert gradient.isfinite().all(), f"the gradient of {name} must be finite with present={flags}"
        network.eval()
        with torch.no_grad():
            _check_logits(network(x, present), case, f"in evaluation with present={flags}")


def check_absent_voxels_do_not_matter(case: ModelCase) -> None:
    """In a prediction, the voxels of a modality that is not given change nothing, to the last bit."""
    network, image = case.network(), case.images()[0].cpu().numpy()
    patch, runtime = case.plan().patch_size, Runtime(torch.device(case.device), torch.float32)
    for flags in case.subsets():
        absent = np.array(flags)[:, None, None, None] == 0
        other = np.where(absent, 7 * image[::-1] + 1, image)
        before, after = (
            predict_subsets(network, Windows(voxels), [[flag > 0 for flag in flags]], patch, 0.5, 1, runtime)
            for voxels in (image, other)
        )
        assert np.array_equal(before, after), (
            f"voxels of absent modalities change the output, present={flags}"
        )


def check_given_modalities_matter(case: ModelCase) -> None:
    """Removing any one modality that the network reads changes the output."""
    network, (x, present) = case.network().eval(), case.given((1.0,) * len(case.scans.modalities))
    with torch.no_grad():
        full = network(x, present)
        for index, modality in enumerate(case.scans.modalities):
            if case.spec.reads is not None and modality not in case.spec.reads:
                continue
            flags = present.clone()
            flags[:, index] = 0
            fewer = network(x * flags[:, :, None, None, None], flags)
            assert not torch.allclose(full, fewer), f"the output must depend on {modality}, and does not"


def check_presence_may_be_left_out(case: ModelCase) -> None:
    """`network(x)` is `network(x, present)` with all modalities present."""
    network, (x, present) = case.network().eval(), case.given((1.0,) * len(case.scans.modalities))
    with torch.no_grad():
        assert torch.equal(network(x), network(x, present)), "present=None must mean that all are present"


def check_samples_are_independent(case: ModelCase) -> None:
    """In evaluation the output for a sample does not depend on the others of its batch."""
    network, (x, present) = case.network().eval(), case.given((1.0,) * len(case.scans.modalities))
    present[1, 1:] = 0
    x = x * present[:, :, None, None, None]
    with torch.no_grad():
        torch.testing.assert_close(network(x, present)[1:], network(x[1:], present[1:]))


def check_other_channels_are_refused(case: ModelCase) -> None:
    """An input with a wrong number of modalities is a ValueError that names its shape."""
    x, refusal = case.images()[:1, :-1], "no error"
    try:
        case.network()(x)
    except ValueError as error:
        refusal = str(error)
    shape = str(list(x.shape))
    assert shape in refusal, f"an input of shape {shape} must raise a ValueError that names it, got {refusal}"


def check_memory_order(case: ModelCase) -> None:
    """Parameters are contiguous and gradients have their strides, as safetensors and DDP want them."""
    if not case.spec.learns:
        return
    network, (x, present) = case.network().train(), case.given((1.0,) * len(case.scans.modalities))
    torch.stack([tensor.mean() for tensor in outputs_of(network(x, present))]).sum().backward()  # type: ignore[no-untyped-call]
    for name, parameter in network.named_parameters():
        assert parameter.is_contiguous(), f"parameter {name} must be contiguous"
        assert parameter.grad is not None, f"parameter {name} must get a gradient, got none"
        assert parameter.grad.stride() == parameter.stride(), (
            f"the gradient of {name} must have the strides {parameter.stride()}, got {parameter.grad.stride()}; "
            "see models.parts.convolution"
        )


def check_synthesis(case: ModelCase) -> None:
    """A network that synthesises gives every modality, from any subset; any other network is not asked."""
    if not case.spec.synthesises:
        return
    network: Any = case.network().eval()
    synthesiser: Synthesiser = network
    for flags in case.subsets():
        x, present = case.given(flags)
        with torch.no_grad():
            synthesised = synthesiser.synthesise(x, present)
        assert synthesised.shape == x.shape, f"must synthesise {list(x.shape)}, got {list(synthesised.shape)}"
        assert synthesised.isfinite().all(), f"syntheses must be finite, present={flags}"


def outputs_of(output: Any) -> list[Tensor]:
    """All tensors that a network returns in training, logits first."""
    return [output] if isinstance(output, Tensor) else list(output)


def _check_logits(logits: Any, case: ModelCase, where: str) -> None:
    assert isinstance(logits, Tensor), f"{where}: must give logits, got {type(logits).__name__}"
    wanted = (2, case.scans.n_classes, *case.plan().patch_size)
    assert logits.shape == wanted, f"{where}: logits must be {list(wanted)}, got {list(logits.shape)}"
    assert logits.isfinite().all(), f"{where}: logits must be finite"


CONTRACT: tuple[Callable[[ModelCase], None], ...] = (
    check_spec,
    check_planning_is_light,
    check_plan_survives_json,
    check_output_and_gradients,
    check_absent_voxels_do_not_matter,
    check_given_modalities_matter,
    check_presence_may_be_left_out,
    check_samples_are_independent,
    check_other_channels_are_refused,
    check_memory_order,
    check_synthesis,
)
"""All checks of a network, quick ones first."""
