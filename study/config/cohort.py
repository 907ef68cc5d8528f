"""Section `cohort`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from study.config.known import known
from study.config.modalities import JOINER
from study.config.own_settings import SettingsByName
from study.config.public_sets import Brats2018, Brats2023, Isbi2015, Isles2022, Jhu, Umcl
from study.config.section import LIST_OF_ONE, LocalPath, Names, Section
from study.config.sources import Bids, NnunetRaw, Phantom
from study.config.splits import SplitsConfig

_WITH_ROOT = ("isles2022", "brats2018", "brats2023", "isbi2015", "umcl", "jhu", "nnunet", "bids")
Source = Annotated[str, known("readers")]


class CohortConfig(Section):
    """Whose scans, which modalities in which order, what is segmented, and which centers are learnt from."""

    sources: Annotated[tuple[Source, ...], LIST_OF_ONE, Field(min_length=1)] = Field(
        ("phantom",), description="layouts of the data sets; all subjects form one cohort"
    )
    path: LocalPath | None = Field(None, description="for source manifest: the CSV or JSON file")
    phantom: Phantom = Field(default_factory=Phantom)
    isles2022: Isles2022 = Field(default_factory=Isles2022)
    brats2018: Brats2018 = Field(default_factory=Brats2018)
    brats2023: Brats2023 = Field(default_factory=Brats2023)
    isbi2015: Isbi2015 = Field(default_factory=Isbi2015)
    umcl: Umcl = Field(default_factory=Umcl)
    jhu: Jhu = Field(default_factory=Jhu)
    nnunet: NnunetRaw = Field(default_factory=NnunetRaw)
    bids: Bids = Field(default_factory=Bids)
    modalities: Annotated[Names, Field(min_length=1)] = Field(
        ("DWI", "ADC", "B0"), description="in the order of the network's input channels"
    )
    modality_aliases: dict[str, Names] = Field(
        {},
        description="sequences that may stand in for an absent modality, the preferred first: {SWAN: [SWI]}",
    )
    target: Literal["lesion", "thrombus"] = Field("lesion", description="what is segmented")
    seen: Names | None = Field(None, description="centers to learn from; null: all that are not unseen")
    unseen: Names = Field(("ISLES",), description="centers that are only tested on")
    splits: SplitsConfig = Field(default_factory=SplitsConfig)
    controls: Literal["include", "separate", "exclude"] = Field(
        "separate",
        description="control scans: used like any other; evaluated apart, of patients who are not learnt from; "
        "or not at all",
    )
    on_error: Literal["stop", "skip"] = Field(
        "stop", description="subjects with problems: stop, or leave them out and count them"
    )
    names: Literal["check", "trust"] = Field(
        "check",
        description="centers, patients or subjects whose names are alike, and patients at two centers: refused, or "
        "right as they are, with a remark",
    )
    pseudonymise: bool = Field(
        False,
        description="subjects are called by keyed hashes, the same in all studies of one key, also in messages",
    )
    pseudonym_key: LocalPath | None = Field(
        None,
        description="for pseudonymise: file with the key, made on first use; null: fadeout/pseudonyms.key in the "
        "user's configuration folder",
    )
    settings: Annotated[Any, SettingsByName((("sources", "readers"),))] = Field(
        {}, description="own settings of readers of installed packages, by the reader's name"
    )

    @model_validator(mode="after")
    def _consistent(self) -> CohortConfig:
        both = sorted(set(self.seen or ()) & set(self.unseen))
        if both:
            raise ValueError(
                f"center {', '.join(both)} is both seen and unseen; remove it from one of the lists"
            )
        self._check_modalities()
        self._check_aliases()
        self._check_sources()
        return self

    def _check_modalities(self) -> None:
        if len(set(self.modalities)) < len(self.modalities):
            raise ValueError(f"a modality is listed twice: {', '.join(self.modalities)}")
        if joined := [name for name in self.modalities if JOINER in name]:
            raise ValueError(
                f"modalities: {', '.join(joined)} must not contain '{JOINER}', which joins modalities in "
                f"model.inputs and in tables; write {joined[0].replace(JOINER, '_')} or the like"
            )

    def _check_aliases(self) -> None:
        """A stand-in maps to exactly one modality; case is ignored, as in file names."""
        names = {name.casefold() for name in self.modalities}
        places: dict[str, str] = {}
        for modality, others in self.modality_aliases.items():
            if modality not in self.modalities:
                raise ValueError(
                    f"modality_aliases: {modality} is not among the modalities ({', '.join(self.modalities)}); "
                    "write {MODALITY: [what may stand in for it]}"
                )
            for other in others:
                if other.casefold() in names:
                    raise ValueError(
                        f"modality_aliases: {other} is one of the modalities itself and cannot stand in for "
                        f"{modality}; remove it"
                    )
                if (first := places.setdefault(other.casefold(), modality)) != modality:
                    raise ValueError(
                        f"modality_aliases: {other} stands in for both {first} and {modality}; keep one of them"
                    )

    def _check_sources(self) -> None:
        if "manifest" in self.sources and self.path is None:
            raise ValueError("source manifest needs cohort.path=<file.csv or file.json>")
        for source in _WITH_ROOT:
            if source in self.sources and getattr(self, source).root is None:
                raise ValueError(f"source {source} needs cohort.{source}.root=<folder>")

    @property
    def sequences(self) -> tuple[str, ...]:
        """The names that files are recognised by: the modalities, and what may stand in for them."""
        return (*self.modalities, *(other for others in self.modality_aliases.values() for other in others))
