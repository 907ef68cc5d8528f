"""Section `ensemble`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from study.config.section import Section


class Ensemble(Section):
    """The mean of the best trials' probabilities, chosen on validation subjects at the end of a study."""

    members: Annotated[int, Field(ge=0, le=50)] = Field(
        0,
        description="the most draws of a trial, which counts twice if it is drawn twice; 0: no ensemble. Each trial in "
        "it predicts the test subjects once more, in the process that runs the study",
    )
