"""Center × availability subset: subjects are judged with all they have, and with modalities removed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import nn

from study.cohort.availability import Availability, subsets_of
from study.cohort.records import SubjectFacts
from study.config import Evaluation, join_modalities
from study.evaluation.chains import Chains
from study.evaluation.components import Mask
from study.evaluation.inference import predict_subsets
from study.evaluation.metrics import extra_scores, score
from study.evaluation.metrics.calibration import calibration_error
from study.evaluation.postprocessing import postprocess
from study.evaluation.rows import ResultRow, Split
from study.evaluation.steps.context import context_of
from study.imaging.prepared import Prepared
from study.machine.runtime import Runtime


class Predicted(NamedTuple):
    """What a network says of one subject with one availability subset.

    Attributes:
        prepared: the subject.
        availability: the modalities that the network was given.
        probability: [D, H, W] on the subject's prepared grid.
    """

    prepared: Prepared
    availability: Availability
    probability: NDArray[np.float32]


@dataclass(frozen=True)
class Judge:
    """Runs a network on subjects and scores what it predicts.

    Attributes:
        modalities: those of the network, in its order.
        droppable: those that are removed in turn.
        evaluation: which subsets there are, how windows are blended, and the Dice of empty masks.
        patch_size: window in voxels [D, H, W].
        runtime: where the network runs.
    """

    modalities: tuple[str, ...]
    droppable: tuple[str, ...]
    evaluation: Evaluation
    patch_size: tuple[int, int, int]
    runtime: Runtime

    def plain(self) -> Judge:
        """The judge of a training's epochs: without mirroring, which would multiply their time."""
        return replace(self, evaluation=self.evaluation.model_copy(update={"mirror": ()}))

    def subsets(self, prepared: Prepared) -> list[Availability]:
        """The availability subsets that a subject is judged with."""
        return subsets_of(prepared.present, self.modalities, self.droppable, self.evaluation.subsets)

    def predictions(self, network: nn.Module, subjects: Sequence[Prepared]) -> Iterator[Predicted]:
        """Predict each subject with each of its availability subsets."""
        for prepared in subjects:
            for together in self._together(prepared):
                (windows, _), *_ = seen = [prepared.seen(availability.flags) for availability in together]
                probabilities = predict_subsets(
                    network,
                    windows,
                    [flags for _, flags in seen],
                    self.patch_size,
                    self.evaluation.overlap,
                    self.evaluation.windows_per_batch,
                    self.runtime,
                    blending=self.evaluation.blending,
                    mirror=self.evaluation.mirror,
                )
                for availability, probability in zip(together, probabilities, strict=True):
                    yield Predicted(prepared, availability, probability)

    def _together(self, prepared: Prepared) -> Iterator[list[Availability]]:
        """The subsets of a subject, in order, in groups that see the same computed images."""
        for _, together in groupby(self.subsets(prepared), lambda one: prepared.images_seen(one.flags)):
            yield list(together)

    def mask(
        self, prepared: Prepared, availability: Availability, native: NDArray[np.float32], chains: Chains
    ) -> Mask:
        """The mask that the bundle's predictor makes, too; mask and probabilities are on the reference's own grid."""
        settings = chains.of(availability)
        return postprocess(native, settings, context_of(prepared, availability, settings))

    def row(
        self,
        trial: int,
        split: Split,
        seen: bool,
        prepared: Prepared,
        availability: Availability,
        native: NDArray[np.float32],
        chains: Chains,
    ) -> ResultRow:
        """Score one prediction after post-processing, on the reference's own grid.

        Args:
            trial: its number.
            split: that the subject belongs to.
            seen: whether the network learnt from subjects of this center.
            prepared: the subject.
            availability: the modalities that the network was given.
            native: the probabilities [D, H, W] on the reference's own grid.
            chains: the post-processing.

        Raises:
            ValueError: the subject has no reference mask.
        """
        if prepared.native_target is None:
            raise ValueError(f"{prepared.key} must have a reference mask to be judged")
        facts = prepared.facts
        mask = self.mask(prepared, availability, native, chains)
        judged = (prepared.native_target, mask, prepared.native.spacing_mm)
        scores = score(*judged, self.evaluation.empty_dice, self.evaluation.tolerance_mm)
        return ResultRow(
            trial=trial,
            split=split,
            center=facts.center,
            seen=seen,
            subject=facts.key,
            subset=availability.given_text,
            removed=join_modalities(facts.withheld) or availability.removed_text,
            occlusion=facts.occlusion,
            mirrored=join_modalities(self.evaluation.mirror),
            substituted=_stand_ins(facts, availability),
            computed=join_modalities(computed_in(prepared, availability)),
            **vars(scores),
            calibration_error=calibration_error(native, prepared.native_target, prepared.brain_voxels),
            extra=extra_scores(*judged, self.evaluation.metrics),
        )


def computed_in(prepared: Prepared, availability: Availability) -> tuple[str, ...]:
    """The modalities whose images are computed from those that are given of a subject."""
    if prepared.computed is None:
        return ()
    replaced = prepared.computed.replaced(availability.flags)
    return tuple(name for name, there in zip(availability.modalities, replaced, strict=True) if there)


def _stand_ins(facts: SubjectFacts, availability: Availability) -> str:
    """The stand-ins for modalities that the network is given, as rows have them: `SWAN=SWI`."""
    pairs = sorted(facts.stand_ins.items())
    return join_modalities([f"{name}={other}" for name, other in pairs if name in availability.given])
