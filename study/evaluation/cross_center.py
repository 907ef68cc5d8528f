"""Center × availability subset: predictions for subjects with all they have, and with modalities removed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from study.config import Config, Postprocessing
from study.evaluation.inference import predict_subsets
from study.evaluation.metrics import score
from study.evaluation.postprocessing import postprocess
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
    """

    config: Config
    patch_size: tuple[int, int, int]
    centers: Mapping[str, str]
    device: torch.device
    autocast: torch.dtype | None = None
    withheld: Mapping[str, str] = field(default_factory=dict)

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

    def row(
        self,
        trial: int,
        split: Literal["validation", "test"],
        seen: bool,
        prepared: Prepared,
        subset: Subset,
        probability: NDArray[np.float32],
        settings: Postprocessing,
    ) -> Row:
        """How well one prediction does on the reference's own grid, after post-processing.

        Args:
            probability: on the reference's own grid.
        """
        if prepared.native_target is None:
            raise ValueError(f"{prepared.key} must have a reference mask to be judged")
        spacing_mm = prepared.native.spacing_mm
        mask = postprocess(probability, settings, float(np.prod(spacing_mm)) / 1000)
        scores = score(prepared.native_target, mask, spacing_mm, self.config.evaluation.empty_dice)
        return Row(
            trial=trial,
            split=split,
            center=self.centers[prepared.key],
            seen=seen,
            subject=prepared.key,
            subset=subset.name,
            removed=self.withheld.get(prepared.key) or subset.removed,
            **vars(scores),
        )
