"""`python -m study.adopt weights=checkpoint_final.pth`: turns a network trained elsewhere into a study."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from study.commandline import WHOLE, Command, OwnKeys, run_command, run_configured, shown
from study.commandline.place import GivenPath
from study.config import Config


class Arguments(OwnKeys):
    """Keys of the command itself."""

    weights: GivenPath = Field(
        description="checkpoint_final.pth of nnU-Net, or a .safetensors state dict of the network model.name"
    )


COMMAND = Command(
    "study.adopt",
    Arguments,
    WHOLE,
    details="""\
The post-processing is searched on the validation subjects and the network is tested center by center. study.evaluate,
study.postprocess and study.export accept the result like any other study.""",
)
DEFAULTS = {"study.trials": "1", "study.name": "adopted"}


def main(arguments: Sequence[str]) -> None:
    """Adopt the network and print its table."""
    run_configured(COMMAND, arguments, _adopt, DEFAULTS)


def _adopt(config: Config, own: Arguments) -> None:
    from study.workflow.adopting import adopt

    with shown() as show:
        adopt(config, own.weights, show)


if __name__ == "__main__":
    run_command(main)
