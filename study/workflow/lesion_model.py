"""The model that finds lesions, near which thrombi are then searched for (`lesion.source=model`)."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from study.config import Config
from study.errors import ConfigError
from study.workflow.starting import study_at

if TYPE_CHECKING:
    from study.cohort.records import Subject
    from study.deployment.bundle import Contents
    from study.deployment.predictor import Bundle
    from study.imaging.lesion import LesionCenter, LesionModel

# Parts of a manifest that change no prediction.
UNIMPORTANT = {"study", "trial", "versions", "files", "format_version", "subsets", "fingerprint"}


@dataclass(frozen=True)
class _Lesions:
    contents: Contents
    most_voxels: int

    @cached_property
    def _bundle(self) -> Bundle:
        """Loaded on first use, since a full cache needs no network."""
        from study.deployment.predictor import Bundle
        from study.machine.runtime import Runtime

        runtime = Runtime.choose("auto", self.contents.manifest.inference.precision)
        return Bundle(self.contents, runtime, self.most_voxels)

    @cached_property
    def identity(self) -> str:
        manifest = self.contents.manifest
        settings = manifest.model_dump(mode="json", exclude=UNIMPORTANT)
        if not manifest.preparation.channels:  # as before there were any, or caches would be filled again
            settings["preparation"] = {
                name: value
                for name, value in settings["preparation"].items()
                if not name.startswith("channels")
            }
        return hashlib.sha256(
            json.dumps(settings, sort_keys=True).encode()
            + self.contents.weights
            + b"".join(self.contents.more)
        ).hexdigest()

    @property
    def modalities(self) -> tuple[str, ...]:
        return self.contents.manifest.modalities

    def find(self, subject: Subject) -> LesionCenter | None:
        images = {name: subject.images[name] for name in self.modalities if name in subject.images}
        if not images:
            return None
        brain = subject.masks.get("brain")
        # The study judges its images itself, with a setting of its own.
        return self._bundle.find(images, brain=brain, name=subject.label, implausible="warn")


def find_lesion_model(config: Config) -> LesionModel | None:
    """The network in `lesion.path`, a study's winner or a bundle; None if lesions come from another source.

    Raises:
        ConfigError: the path holds neither a study nor a bundle, or one that segments something else.
        StudyError: the study has no complete trial.
        BundleError: the bundle is damaged.
    """
    path = config.lesion.path
    if config.lesion_source != "model" or path is None:
        return None
    from study.deployment.bundle import read_bundle
    from study.deployment.shipped import located
    from study.workflow.export import trial_contents

    folder = study_at(path, "lesion.path")
    contents = read_bundle(located(path)) if folder is None else trial_contents(folder)
    if (target := contents.manifest.target) != "lesion":
        raise ConfigError(
            [f"lesion.path: {path} segments the {target}; give a study of lesions, or its bundle"]
        )
    return _Lesions(contents, config.imaging.most_voxels)
