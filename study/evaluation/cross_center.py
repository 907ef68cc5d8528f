"""Center × availability subset: predictions for subjects with all they have, and with modalities removed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from study.config import Config
from study.evaluation.chains import Chains, absent_of
from study.evaluation.components import Mask
from study.evaluation.inference import predict_subsets
from study.evaluation.metrics import score
from study.evaluation.postprocessing import Subject, postprocess
from study.evaluation.subsets import Subset, subsets_of
from study.imaging.prepare import Prepared
from study.results import Row


@dataclass(frozen=True)
class Judge:
    """What is needed to run a network on subjects, besides the network.

    Attributes:
        config: modalities, droppable ones and evaluation are read.
        patch_size: window in voxels [D, H, W].
        centers: subject key to center.
        device: where the network lies.
        autocast: reduced precision of the network; None for float32.
        withheld: subject key to what an independent model is not given of what the subject has, "B0".
        occlusions: subject key to proximal, distal, or "" where that is not known.
        substituted: subject key to which sequence stands in for which modality, "SWAN=SWI"; "" for none.
    """

    config: Config
    patch_size: tuple[int, int, int]
    centers: Mapping[str, str]
    device: torch.device
    autocast: torch.dtype | None = None
    withheld: Mapping[str, str] = field(default_factory=dict)
    occlusions: Mapping[str, str] = field(default_factory=dict)
    substituted: Mapping[str, str] = field(default_factory=dict)

    def subsets(self, prepared: Prepared) -> list[Subset]:
        """The availability subsets that a subject is judged with."""
        config = self.config
        return subsets_of(
            prepared.present,
            config.cohort.modalities,
            config.modality_dropout.droppable,
            config.evaluation.subsets,
        )

    def predictions(
        self, network: nn.Module, subjects: Sequence[Prepared]
    ) -> Iterator[tuple[Prepared, Subset, NDArray[np.float32]]]:
        """Each subject with each of its availability subsets, and the probability on its prepared grid [D, H, W]."""
        evaluation = self.config.evaluation
        for prepared in subjects:
            subsets = self.subsets(prepared)
            probabilities = predict_subsets(
                network,
                prepared.windows,
                [subset.present for subset in subsets],
                self.patch_size,
                evaluation.overlap,
                evaluation.windows_per_batch,
                self.device,
                blending=evaluation.blending,
                autocast=self.autocast,
            )
            for subset, probability in zip(subsets, probabilities, strict=True):
                yield prepared, subset, probability

    def mask(
        self, prepared: Prepared, subset: Subset, probability: NDArray[np.float32], chains: Chains
    ) -> Mask:
        """The mask of a probability map, both on the reference's own grid: as the bundle's predictor makes it."""
        settings = chains.of(absent_of(subset.name, self.config.cohort.modalities))
        return postprocess(probability, settings, Subject(prepared.native.spacing_mm, prepared.lesion))

    def row(
        self,
        trial: int,
        split: Literal["validation", "test", "control"],
        seen: bool,
        prepared: Prepared,
        subset: Subset,
        probability: NDArray[np.float32],
        chains: Chains,
    ) -> Row:
        """How well one prediction does on the reference's own grid, after post-processing.

        Args:
            probability: on the reference's own grid.
            chains: the post-processing.
        """
        if prepared.native_target is None:
            raise ValueError(f"{prepared.key} must have a reference mask to be judged")
        mask = self.mask(prepared, subset, probability, chains)
        empty_dice = self.config.evaluation.empty_dice
        scores = score(prepared.native_target, mask, prepared.native.spacing_mm, empty_dice)
        return Row(
            trial=trial,
            split=split,
            center=self.centers[prepared.key],
            seen=seen,
            subject=prepared.key,
            subset=subset.name,
            removed=self.withheld.get(prepared.key) or subset.removed,
            occlusion=self.occlusions.get(prepared.key, ""),
            substituted=_of_given(self.substituted.get(prepared.key, ""), subset),
            **vars(scores),
        )


def _of_given(substituted: str, subset: Subset) -> str:
    """Of the stand-ins those for a modality that the network is given."""
    given = subset.name.split("+")
    return "+".join(part for part in substituted.split("+") if part.partition("=")[0] in given)
