"""Where prepared subjects lie in the cache: addresses, and one process at a time that makes an entry."""

from __future__ import annotations

import fcntl
import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from study.cohort.records import Subject
from study.errors import CohortError
from study.imaging.hashes import identity
from study.imaging.prepare import Landmarks
from study.imaging.protocol import ImagingProtocol
from study.imaging.read import check_header

CODE_VERSION = 3  # raise it whenever the same files and settings would give another entry


def entry_folder(cache: Path, address: str) -> Path:
    """The folder of the entry with this address."""
    return cache / address[:2] / address


@contextmanager
def alone_at(folder: Path) -> Iterator[None]:
    """Wait until no other process of this machine makes an entry, and keep others from it in this block.

    The lock ends with its process. Whether the entry is there must be asked inside of the block; once it is, nobody
    needs its lock, and the file is removed.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    path = folder.parent / f".{folder.name}.lock"
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
        if folder.is_dir():
            path.unlink(missing_ok=True)


@dataclass(frozen=True)
class LesionTrait:
    """What an entry depends on of the model that finds lesions."""

    identity: str
    modalities: tuple[str, ...]


@dataclass(frozen=True)
class EntryRecipe:
    """Everything besides the files that entries depend on, and the cache that holds them."""

    cache: Path
    protocol: ImagingProtocol
    spacing_mm: tuple[float, ...]
    landmarks: Landmarks | None
    lesion_model: LesionTrait | None

    def files(self, subject: Subject) -> dict[str, Path]:
        """The files that a prepared subject depends on, by role."""
        also = self.lesion_model.modalities if self.lesion_model else ()
        names = dict.fromkeys([*self.protocol.modalities, *also])
        images = {f"image {name}": subject.images[name] for name in names if name in subject.images}
        masks = {name: subject.masks[name] for name in self.protocol.masks if name in subject.masks}
        values = {self.protocol.target: f" of {sorted(subject.labels.names)}"} if subject.labels else {}
        return images | {f"mask {name}{values.get(name, '')}": path for name, path in masks.items()}

    def is_readable(self, path: Path) -> bool:
        """Whether a file is a scan of a size that may be read, also for its hash."""
        try:
            check_header(path, "", self.protocol.settings.most_voxels)
        except CohortError:
            return False
        return True

    def entry(self, hashes: Mapping[str, str]) -> Path:
        """The folder of the entry for files with these hashes, by role."""
        return self._at({"files": hashes})

    def fresh_entry(self, simulated: Mapping[str, Any]) -> Path:
        """The folder of the entry for a phantom that is simulated in this way, whose files are on no disk."""
        return self._at({"simulated": simulated})

    def _at(self, source: Mapping[str, Any]) -> Path:
        content = json.dumps({**source, "settings": self._settings()}, sort_keys=True)
        return entry_folder(self.cache, hashlib.sha256(content.encode()).hexdigest()[:40])

    def known_entry(self, subject: Subject, memo: Mapping[str, str]) -> Path | None:
        """The folder of a subject that is prepared and whose files are known; None if it must be built."""
        try:
            folder = self.entry({role: memo[identity(path)] for role, path in self.files(subject).items()})
        except (KeyError, OSError):
            return None
        return folder if folder.is_dir() else None

    def _settings(self) -> dict[str, Any]:
        """What is hashed to the address: another name or type of a value gives every entry another address."""
        settings, model, b_s_mm2 = self.protocol.settings, self.lesion_model, self.protocol.b_s_mm2
        landmarks = (self.landmarks or {}).items()
        return {
            "version": CODE_VERSION,
            "modalities": self.protocol.modalities,
            "masks": self.protocol.masks,
            "target": self.protocol.target,
            "lesion": self.protocol.lesion_source,
            "lesion_model": model and [model.identity, *model.modalities],
            "registration": settings.registration,
            "reference": settings.reference,
            "normalisation": settings.normalisation,
            "interpolation": settings.interpolation,
            "crop_margin_mm": settings.crop_margin_mm,
            "in_plane_crop": settings.in_plane_crop,
            "own_slices": settings.own_slices,
            "spacing_mm": [float(value) for value in self.spacing_mm],
            "landmarks": {name: [float(value) for value in values] for name, values in landmarks},
            **({"computed with b": b_s_mm2} if self.protocol.imputes else {}),
            **({"channels": settings.channels, "channels with b": b_s_mm2} if settings.channels else {}),
        }
