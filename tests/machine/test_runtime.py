from __future__ import annotations

import pytest
import torch

from study.errors import ConfigError
from study.machine.runtime import Runtime


@pytest.fixture
def without_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


@pytest.mark.usefixtures("without_gpu")
@pytest.mark.parametrize("device", ["auto", "cpu"])
def test_without_a_gpu_networks_run_on_the_cpu_in_single_precision(device: str) -> None:
    runtime = Runtime.choose(device, "auto")
    assert runtime == Runtime(torch.device("cpu"), torch.float32)
    assert runtime.autocast is None
    assert runtime.name == "cpu"


@pytest.mark.parametrize(("precision", "dtype"), [("bf16", torch.bfloat16), ("fp16", torch.float16)])
def test_a_precision_that_is_asked_for_is_used_on_the_cpu_too(precision: str, dtype: torch.dtype) -> None:
    runtime = Runtime.choose("cpu", precision)
    assert runtime.precision == runtime.autocast == dtype


def test_single_precision_that_is_asked_for_needs_no_autocast() -> None:
    assert Runtime.choose("auto", "fp32").autocast is None


@pytest.mark.usefixtures("without_gpu")
def test_a_gpu_that_is_not_there_is_not_replaced_by_the_cpu() -> None:
    with pytest.raises(
        ConfigError, match=r"trainer\.device: cuda is requested, but this machine has no CUDA device"
    ):
        Runtime.choose("cuda", "auto")


def test_an_unknown_device_is_refused_under_the_name_of_its_setting() -> None:
    with pytest.raises(ConfigError, match="device: must be one of auto, cpu, cuda, got 'tpu'"):
        Runtime.choose("tpu", "auto", "device")


@pytest.mark.parametrize(("bf16", "expected"), [(True, torch.bfloat16), (False, torch.float16)])
def test_half_precision_is_the_one_that_the_gpu_is_made_for(
    monkeypatch: pytest.MonkeyPatch, bf16: bool, expected: torch.dtype
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 1)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: bf16)
    assert Runtime.choose("auto", "auto") == Runtime(torch.device("cuda", 1), expected)
