"""Studies side by side, as commands are given them: `LABEL=folder`, or a list of folders that are runs of the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import ConfigDict

from study.commandline import DebugKey, OtherKeys
from study.commandline.place import GivenPath

if TYPE_CHECKING:
    from study.records import StudyFolder

__all__ = ["LABELS", "LabelledStudies"]

LABELS = OtherKeys("LABEL", "folder of a study, or a list of folders of the same with other seeds")


class LabelledStudies(DebugKey):
    """Keys of a command that takes studies by labels of the user's."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, tuple[GivenPath, ...]]

    @property
    def labels(self) -> list[str]:
        """The labels in the order given."""
        return list(self.__pydantic_extra__)

    def studies(self) -> dict[str, list[StudyFolder]]:
        """The studies of each label; raises StudyError for a folder that holds none."""
        from study.records import StudyFolder

        extra = self.__pydantic_extra__
        return {label: [StudyFolder.at(path, label) for path in paths] for label, paths in extra.items()}
