"""The device and precision of a network, for training, judging, evaluation, the lesion model and the predictor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from study.errors import ConfigError

if TYPE_CHECKING:
    import torch

DEVICES = ("auto", "cpu", "cuda")


@dataclass(frozen=True)
class Runtime:
    """Device and precision of a network.

    Attributes:
        device: that the network runs on.
        precision: data type of the convolutions.
    """

    device: torch.device
    precision: torch.dtype

    @classmethod
    def choose(cls, device: str, precision: str, setting: str = "trainer.device") -> Runtime:
        """Choose the runtime from settings.

        Args:
            device: auto (a GPU if available), cpu or cuda.
            precision: fp32, bf16, fp16, or auto: half precision on a GPU.
            setting: path of the device setting, for errors.

        Raises:
            ConfigError: the device is not one of these, or not available.
        """
        import torch

        if device not in DEVICES:
            raise ConfigError([f"{setting}: must be one of {', '.join(DEVICES)}, got {device!r}"])
        if device == "cuda" and not torch.cuda.is_available():
            raise ConfigError(
                [f"{setting}: cuda is requested, but this machine has no CUDA device; use auto or cpu"]
            )
        on_gpu = device != "cpu" and torch.cuda.is_available()
        chosen = torch.device("cuda", torch.cuda.current_device()) if on_gpu else torch.device("cpu")
        return cls(chosen, _precision(precision, on_gpu))

    @property
    def autocast(self) -> torch.dtype | None:
        """The reduced precision for autocast; None for float32."""
        return None if self.precision.itemsize == 4 else self.precision

    @property
    def name(self) -> str:
        """The device as records name it: the GPU's product name, or cpu."""
        import torch

        return torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else "cpu"


def _precision(name: str, on_gpu: bool) -> torch.dtype:
    import torch

    named = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
    if name != "auto":
        return named[name]
    if not on_gpu:
        return torch.float32
    return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
