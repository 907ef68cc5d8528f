"""Section `tracking`."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

from pydantic import Field

from study.config.addresses import Address
from study.config.known import known
from study.config.own_settings import SettingsOf
from study.config.parts import part_settings
from study.config.section import Section


class Tracking(Section):
    """Where the numbers of a study are sent while it runs."""

    enabled: bool = Field(True, description="false: nothing is sent")
    tracker: Annotated[str, known("trackers")] = Field("mlflow", description="what they are sent with")
    uri: Address | None = Field(None, description="of the MLflow store; null: SQLite in the study's folder")
    experiment: str = Field("fadeout", description="the MLflow experiment that studies are runs of")
    settings: Annotated[Any, SettingsOf("tracker", partial(part_settings, "trackers"))] = Field(
        {}, description="own settings of a tracker of an installed package"
    )

    @property
    def by_mlflow(self) -> bool:
        """Whether the study is sent to MLflow."""
        return self.enabled and self.tracker == "mlflow"
