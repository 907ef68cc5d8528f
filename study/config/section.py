"""What all sections share: their base class, and types of fields."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

Fraction = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=1, lt=2**31)]
Seed = Annotated[int, Field(ge=0, lt=2**31)]
LocalPath = Annotated[
    Path, AfterValidator(lambda path: path.expanduser().absolute())
]  # never tracked nor exported
SHIPPED_BUNDLES = ("rule",)  # names, in place of a path, of the bundles that come with the package
BundlePath = Annotated[
    Path,
    AfterValidator(lambda path: path if str(path) in SHIPPED_BUNDLES else path.expanduser().absolute()),
]


def _listed(value: Any) -> Any:
    """A single name as a list of one, and numbers among names as text: hospitals may be called 1 and 2."""
    values = [value] if value != "" and type(value) in (str, int) else value
    if not isinstance(values, list | tuple):
        return value
    return tuple(str(each) if type(each) is int else each for each in values)


LIST_OF_ONE = BeforeValidator(_listed)
Names = Annotated[tuple[str, ...], LIST_OF_ONE]


class Section(BaseModel):
    """A frozen part of the configuration; a key that it does not know is refused."""

    # Validators are built when they are first needed: `--help` needs none, and they take as long as all the rest of it.
    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, validate_default=True, defer_build=True
    )
