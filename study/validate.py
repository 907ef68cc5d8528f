"""`python -m study.validate bundles=[…] cohort=…`: the masks of bundles beside reference masks, scan by scan."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from study.commandline import WHOLE, Command, OwnKeys, run_command, run_configured, shown
from study.commandline.place import GivenPath
from study.config import Config
from study.config.mistakes import mistake, refusal
from study.config.section import LIST_OF_ONE, SHIPPED_BUNDLES


class Arguments(OwnKeys):
    """Keys of the command itself."""

    bundles: Annotated[tuple[GivenPath, ...], LIST_OF_ONE] = Field(
        tuple(map(Path, SHIPPED_BUNDLES)),
        min_length=1,
        description="folders or zips that study.export wrote; rule: the rule without training, which comes with the "
        "package",
    )
    out: GivenPath | None = Field(None, description="path of a CSV with all metrics of every scan")
    implausible: Literal["error", "warn"] = Field(
        "error",
        description="response to images that cannot be what they claim to be, such as exchanged DWI and ADC; warn: "
        "predict all the same",
    )
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="auto: a GPU where there is one")

    @model_validator(mode="after")
    def _each_once(self) -> Arguments:
        paths = [str(path) for path in self.bundles]
        if twice := sorted({path for path in paths if paths.count(path) > 1}):
            raise refusal([mistake(f"{path} is given twice", "bundles") for path in twice])
        return self


COMMAND = Command(
    "study.validate",
    Arguments,
    WHOLE,
    details="""\
Each bundle predicts each scan that has a reference mask, as study.predict does, from all of its modalities that the
scan has. Nothing is learnt or chosen from the masks.""",
)


def main(arguments: Sequence[str]) -> None:
    """Predict, score and print the tables; see `--help`."""
    run_configured(COMMAND, arguments, _validate)


def _validate(config: Config, own: Arguments) -> None:
    from analysis.bundles import bundle_tables
    from analysis.method import Method
    from analysis.rendering import to_text, without_repeats
    from study.machine.files import atomic
    from study.workflow.validating import validate_bundles

    with shown() as show:
        rows = validate_bundles(own.bundles, config, show, own.device, own.implausible)
        if own.out is not None:
            with atomic(own.out) as temporary:
                rows.to_csv(temporary, index=False)
        tables = bundle_tables(rows, Method.of(config.evaluation, config.study.seed))
        show.say("\n\n".join(map(to_text, without_repeats(tables))))


if __name__ == "__main__":
    run_command(main)
