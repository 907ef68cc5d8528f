"""`bundle.json`: all that a prediction needs besides the weights, and what proves the files whole."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import Field, ValidationError

from study.config import Blending, Count, Fraction, Positive, Section
from study.errors import BundleError
from study.evaluation.chains import Chains

FORMAT: Final = "fadeout-bundle"
FORMAT_VERSION: Final = 3

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Preparation(Section):
    """From files to what the network is given, as in the study."""

    spacing_mm: tuple[Positive, Positive, Positive] = Field(description="[slices, rows, columns]")
    reference: str | None
    registration: Literal["headers", "rigid"]
    normalisation: Literal["zscore", "nyul"]
    crop_margin_mm: Annotated[float, Field(ge=0)]
    in_plane_crop: tuple[Count, Count] | None = None
    own_slices: tuple[str, ...] = ()
    landmarks: dict[str, tuple[float, ...]] = Field(description="per modality, for normalisation nyul")


class Inference(Section):
    """How the network is slid over an image."""

    overlap: Annotated[float, Field(ge=0, lt=1)]
    blending: Blending = "gaussian_logits"
    windows_per_batch: Annotated[int, Field(ge=1)]
    precision: Literal["auto", "fp32", "bf16", "fp16"]


class Manifest(Section):
    """The content of `bundle.json`."""

    format: Literal["fadeout-bundle"] = FORMAT
    format_version: Literal[3] = FORMAT_VERSION
    study: str
    trial: int
    target: Literal["lesion", "thrombus"]
    modalities: Annotated[tuple[str, ...], Field(min_length=1)]
    modality_aliases: dict[str, tuple[str, ...]] = Field(
        description="per modality, sequences that may stand in for it, the preferred first"
    )
    droppable: tuple[str, ...] = Field(description="modalities that the network was trained to do without")
    drop_probability: Fraction
    model: str
    network: dict[str, Any] = Field(description="the plan that the network is built from")
    head: Literal["identity", "paper"] | None = Field(
        description="a dynamic head, as it was initialised; or none"
    )
    preparation: Preparation
    inference: Inference
    postprocessing: Chains
    versions: dict[str, str]
    files: dict[str, Sha256] = Field(description="SHA-256 of the other files")

    @property
    def sequences(self) -> tuple[str, ...]:
        """What may be given: the modalities, and what may stand in for them."""
        return (*self.modalities, *(other for others in self.modality_aliases.values() for other in others))


def to_text(manifest: Manifest) -> str:
    """The text of `bundle.json`, with a checksum of its own content."""
    content = manifest.model_dump(mode="json")
    return json.dumps({**content, "checksum": _checksum(content)}, indent=2) + "\n"


def from_text(text: str | bytes, where: str) -> Manifest:
    """Read `bundle.json`; raises BundleError, naming `where`, if it is damaged or of another version."""
    try:
        content = json.loads(text)
    except ValueError:
        raise BundleError(
            f"{where}: bundle.json is damaged (no JSON); copy or export the bundle again"
        ) from None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise BundleError(f"{where}: bundle.json is not that of a {FORMAT}; give what study.export wrote")
    version = content.get("format_version")
    if version != FORMAT_VERSION:
        raise BundleError(
            f"{where}: the bundle has format version {version}, this program reads {FORMAT_VERSION}; "
            "export it again, or install the version of fadeout that wrote it"
        )
    checksum = content.pop("checksum", None)
    if checksum != _checksum(content):
        raise BundleError(f"{where}: bundle.json was changed after export; copy or export the bundle again")
    try:
        return Manifest.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        path = ".".join(map(str, first["loc"]))
        raise BundleError(f"{where}: bundle.json: {path}: {first['msg']}; export the bundle again") from None


def _checksum(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
