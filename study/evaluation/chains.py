"""The post-processing of a trained network: one chain, or a second one where a modality is absent."""

from __future__ import annotations

from study.cohort.availability import Availability
from study.config import Postprocessing, Section
from study.evaluation.postprocessing import in_words


class Chains(Section):
    """Which chain a prediction is post-processed with.

    Attributes:
        full: for predictions from all modalities of the network.
        missing: for predictions from fewer; None: the same as `full`.
    """

    full: Postprocessing
    missing: Postprocessing | None = None

    def of(self, availability: Availability) -> Postprocessing:
        """The chain for a prediction from these modalities."""
        return self.missing if availability.absent and self.missing is not None else self.full

    def in_words(self) -> dict[str, list[str]]:
        """The steps in words, a sentence each, by the subjects that they are for."""
        if self.missing is None:
            return {"every subject": in_words(self.full)}
        return {
            "subjects with all modalities": in_words(self.full),
            "subjects without some": in_words(self.missing),
        }
