"""`bundle.json`: everything that a prediction needs besides the weights, and checksums of the files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from importlib import metadata
from typing import Annotated, Any, Final, Literal

from pydantic import Field, ValidationError

from study.config import Blending, Count, Fraction, Interpolation, MirrorAxis, Normalisation, Section
from study.config.explaining import explained
from study.config.imaging import Channels
from study.deployment.subsets import Subset
from study.errors import BundleError
from study.evaluation.chains import Chains
from study.imaging.likeness import IntensityFingerprint
from study.machine.untrusted import UnreadableError, parse_json

FORMAT: Final = "fadeout-bundle"
MOST_NETWORKS: Final = 50
FORMAT_VERSION: Final = 6
# 3 had neither subsets nor fingerprint; 4 no b-value, filler, mirroring, ensembles or cubic interpolation; 5 had no
# channels that are computed.
READABLE: Final = (3, 4, 5, FORMAT_VERSION)

Spacing = Annotated[float, Field(ge=0.01, le=100)]  # mm; finer, any scan would fill the memory
BValue = Annotated[float, Field(ge=50, le=20_000)]
Cells = Annotated[int, Field(ge=1, le=32)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Preparation(Section):
    """The preparation of scans for the network, as in the study."""

    spacing_mm: tuple[Spacing, Spacing, Spacing] = Field(description="[slices, rows, columns]")
    reference: str | None
    registration: Literal["headers", "rigid"]
    normalisation: Normalisation
    interpolation: Interpolation = Field(
        "linear", description="of images; bundles before format 5 do not say it"
    )
    crop_margin_mm: Annotated[float, Field(ge=0)]
    in_plane_crop: tuple[Count, Count] | None = None
    own_slices: tuple[str, ...] = ()
    landmarks: dict[str, tuple[float, ...]] = Field(description="per modality, for normalisation nyul")
    computing_b_s_mm2: BValue | None = Field(
        None,
        description="b-value with which one of DWI, ADC and B0 is computed from the other two; none: it is not",
    )
    channels: Channels = Field((), description="further inputs, computed from modalities; behind these")
    channels_b_s_mm2: BValue | None = Field(
        None, description="b-value of the DWI that channels take; none without any"
    )


class Inference(Section):
    """Settings of the sliding window."""

    overlap: Annotated[float, Field(ge=0, lt=1)]
    blending: Blending = "gaussian_logits"
    mirror: tuple[MirrorAxis, ...] = ()
    windows_per_batch: Annotated[int, Field(ge=1)]
    precision: Literal["auto", "fp32", "bf16", "fp16"]


Head = Literal["identity", "paper"]


class Network(Section):
    """One network of a bundle.

    Attributes:
        trial: that trained it.
        count: how often it counts in the mean of an ensemble.
        model: its name.
        network: the plan that it is built from.
        head: initialisation of a dynamic head; none without one.
        filler: cells of a learned filler of modalities that are not given; none without one.
    """

    trial: int
    count: Count = 1
    model: str
    network: dict[str, Any]
    head: Head | None = None
    filler: tuple[Cells, Cells, Cells] | None = None


class Manifest(Section):
    """The content of `bundle.json`."""

    format: Literal["fadeout-bundle"] = FORMAT
    format_version: Literal[3, 4, 5, 6] = FORMAT_VERSION
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
    head: Head | None = Field(description="initialisation of a dynamic head; none without one")
    count: Count = Field(1, description="how often this network counts in an ensemble")
    others: Annotated[tuple[Network, ...], Field(max_length=MOST_NETWORKS - 1)] = Field(
        (), description="the other networks of an ensemble, whose probabilities are averaged"
    )
    filler: tuple[Cells, Cells, Cells] | None = Field(
        None, description="cells of a learned filler of modalities that are not given; none without one"
    )
    preparation: Preparation
    inference: Inference
    postprocessing: Chains
    subsets: tuple[Subset, ...] = Field(
        (), description="that it was trained or tested with; none in bundles of format 3"
    )
    fingerprint: IntensityFingerprint | None = Field(
        None, description="of the training subjects' images; none in bundles of format 3"
    )
    requires: dict[str, str] = Field(
        {}, description="plug-in packages of its network and its post-processing, with their versions"
    )
    versions: dict[str, str]
    files: dict[str, Sha256] = Field(description="SHA-256 of the other files")

    @property
    def networks(self) -> tuple[Network, ...]:
        """All networks, in the order of their files; one unless the bundle is an ensemble."""
        first = Network(
            trial=self.trial,
            count=self.count,
            model=self.model,
            network=self.network,
            head=self.head,
            filler=self.filler,
        )
        return (first, *self.others)

    @property
    def shares(self) -> tuple[float, ...]:
        """The weight of each network in the mean; they add up to 1."""
        draws = sum(each.count for each in self.networks)
        return tuple(each.count / draws for each in self.networks)

    @property
    def name(self) -> str:
        """`trial 3`, or `ensemble of trials 3, 5 and 7`."""
        numbers = [str(each.trial) for each in self.networks]
        if len(numbers) == 1:
            return f"trial {numbers[0]}"
        return f"ensemble of trials {', '.join(numbers[:-1])} and {numbers[-1]}"

    @property
    def sequences(self) -> tuple[str, ...]:
        """All accepted sequences: the modalities, and their stand-ins."""
        return (*self.modalities, *(other for others in self.modality_aliases.values() for other in others))


def to_text(manifest: Manifest) -> str:
    """The text of `bundle.json`, with a checksum of its own content."""
    content = manifest.model_dump(mode="json")
    return json.dumps({**content, "checksum": _checksum(content)}, indent=2) + "\n"


def from_text(text: bytes, where: str) -> Manifest:
    """Parse `bundle.json`.

    Raises:
        BundleError: it is damaged or of another version; the text begins with `where`.
    """
    try:
        content = parse_json(text)
    except UnreadableError as error:
        raise BundleError(
            f"{where}: bundle.json is damaged ({error}); copy or export the bundle again"
        ) from None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise BundleError(
            f"{where}: bundle.json does not describe a {FORMAT}; give a bundle that study.export wrote"
        )
    version = content.get("format_version")
    if version not in READABLE:
        raise BundleError(
            f"{where}: the bundle has format version {version}, this program reads {READABLE[0]} to {READABLE[-1]}; "
            "export it again, or install the version of fadeout that wrote it"
        )
    checksum = content.pop("checksum", None)
    if checksum != _checksum(content):
        raise BundleError(f"{where}: bundle.json was changed after export; copy or export the bundle again")
    _check_requirements(content.get("requires"), where)
    try:
        return Manifest.model_validate(content)
    except ValidationError as error:
        problem = explained(Manifest, error)[0]
        raise BundleError(f"{where}: bundle.json: {problem}; export the bundle again") from None


def _check_requirements(requires: Any, where: str) -> None:
    """Raise BundleError if a package that the bundle requires is not installed; before anything else is validated,
    as without it the network's name is unknown."""
    if not isinstance(requires, dict):
        return  # the validation complains
    absent = []
    for package, version in requires.items():
        try:
            metadata.version(package)
        except (metadata.PackageNotFoundError, ValueError):  # ValueError: an empty name
            absent.append(f"{package}=={version}")
    if absent:
        needed = " ".join(absent)
        raise BundleError(f"{where}: it requires packages that are not installed: pip install {needed}")


def _checksum(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
