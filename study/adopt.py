"""`python -m study.adopt weights=checkpoint_final.pth`: turns a network trained elsewhere into a study."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from study.commandline import run_command, run_configured, shown
from study.config import Config
from study.errors import ConfigError

PURPOSE = """Judge a network trained elsewhere: weights=<file> is checkpoint_final.pth of nnU-Net, or a .safetensors
state dict of one of the networks listed below. Nothing is trained. The post-processing is searched on the validation
subjects and the network is tested center by center. study.evaluate, study.postprocess and study.export accept the
result like any other study."""
WEIGHTS = "weights="


def main(arguments: Sequence[str]) -> None:
    """Adopt the network and print its table."""
    given = [argument for argument in arguments if argument.startswith(WEIGHTS)]
    rest = [argument for argument in arguments if argument not in given]

    def run(config: Config) -> None:
        if len(given) != 1 or given[0] == WEIGHTS:
            raise ConfigError(["weights: required, once: weights=<file.pth or file.safetensors>"])
        from study.workflow.adopting import adopt

        with shown() as show:
            adopt(config, Path(given[0].removeprefix(WEIGHTS)), show)

    named = any(argument.startswith("study.name=") for argument in rest)
    defaults = ["study.trials=1"] if named else ["study.trials=1", "study.name=adopted"]
    run_configured("study.adopt", PURPOSE, rest, run, defaults)


if __name__ == "__main__":
    run_command(main)
