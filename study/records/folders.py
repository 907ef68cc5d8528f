"""The folder of a study, with one attribute per file."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from study.config import Config
from study.config.nearest import did_you_mean
from study.errors import StudyError
from study.machine.files import remove_leftovers
from study.machine.mirror import Mirror, address_of, mirrored
from study.machine.shell import command_line, near_path
from study.records import losses
from study.records.driving import DriverFiles
from study.records.ensemble import EnsembleFolder
from study.records.files import BytesFile, RecordFile, refuse_link
from study.records.locks import held
from study.records.logs import LogFile
from study.records.prepared import PreparedStudy
from study.records.rule import RuleFolder
from study.records.subjects import SubjectsFile
from study.records.summary import Summary
from study.records.tracking import FinishedFile, TrackingHistory
from study.records.trial import TrialFolder
from study.records.weights import StartFiles

DEFAULT_ROOT = "studies"  # of study.root
NAME = "study.name"
LISTED = 20  # studies that a message lists
TRIAL = re.compile(r"[0-9]{4}|[1-9][0-9]{4,8}")  # the name of a trial's folder


class ConfigFile(RecordFile[Config]):
    """The configuration of a study; `study.root` is the folder's present location, wherever it was prepared."""

    def _validated(self, content: Any) -> Config:
        if isinstance(content, dict) and isinstance(
            content.get("study"), dict
        ):  # else the validation complains
            content["study"]["root"] = str(self.path.parent.parent)
        return super()._validated(content)


class StudyFolder:
    """One study on disk.

    Attributes:
        path: the folder.
        trials_in: name of the folder of its trials.
        database: of the search; Optuna opens it.
        scratch: folder of a running search; removed at its end.
    """

    def __init__(self, root: Path, name: str, trials: str = "trials") -> None:
        self.path = root / name
        self.trials_in = trials
        self.config = ConfigFile(self.path / "config.json", Config, losses.CONFIG, private=True)
        self.prepared: RecordFile[PreparedStudy] = RecordFile(
            self.path / "prepared.json", PreparedStudy, losses.PREPARED
        )
        self.subjects = SubjectsFile(self.path / "subjects.csv", losses.SUBJECTS)
        self.start = StartFiles(self.path)
        self.summary: RecordFile[Summary] = RecordFile(self.path / "summary.json", Summary, losses.SUMMARY)
        self.tracking: RecordFile[TrackingHistory] = RecordFile(
            self.path / "tracking.json", TrackingHistory, losses.TRACKING
        )
        self.ensemble = EnsembleFolder(self.path)
        self.rule = RuleFolder(self.path)
        self.report = BytesFile(self.path / "report.html", losses.REPORT)
        self.finished = FinishedFile(self.path / "finished.jsonl", losses.FINISHED)
        self.driver = DriverFiles(self.path / ".lock", self.path / "driver.json")
        self.log = LogFile(self.path / "study.log")
        self.database = self.path / "optuna.db"
        self.scratch = self.path / ".tune"

    @classmethod
    def find(cls, root: Path, name: str, key: str = NAME) -> StudyFolder:
        """The folder of an existing study.

        Args:
            root: folder of the folders of studies.
            name: of the study.
            key: by which the user has named it.

        Raises:
            StudyError: there is none; tells the nearest one, or all that there are.
        """
        folder = cls._existing(root, name, key)
        folder.refuse_links()
        return folder

    @classmethod
    def looked_at(cls, root: Path, name: str) -> StudyFolder:
        """The folder of an existing study for a command that only reads; it may be running.

        One in an object store is brought here, unless it is run here, and nothing is sent back. The files that others
        open are not checked: a running study has many, which come and go.
        """
        folder = cls(root, name)
        if (address := address_of(root)) and not folder.is_driven:
            Mirror(folder.path, f"{address}/{name}").pull()
        return cls._existing(root, name)

    @classmethod
    def _existing(cls, root: Path, name: str, key: str = NAME) -> StudyFolder:
        folder = cls(root, name)
        if not folder.config.exists:
            how = "; give study.name=… and study.root=…" if key == NAME else "; correct the path"
            raise StudyError(f"{key}: no study '{name}' in {root.absolute()}{_others(root, name, how)}")
        return folder

    @classmethod
    def at(cls, path: Path, key: str) -> StudyFolder:
        """The study in a folder that the user has named by a key; raises StudyError like `find`."""
        return cls.find(path.parent, path.name, key)

    @classmethod
    def all_in(cls, root: Path) -> list[StudyFolder]:
        """The folders of the studies in a folder, by name."""
        return [cls(root, name) for name in sorted(path.parent.name for path in root.glob("*/config.json"))]

    @classmethod
    @contextmanager
    def opened(cls, root: Path, name: str) -> Iterator[StudyFolder]:
        """The folder of an existing study for a command; one in an object store is brought here, and sent back.

        Args:
            root: folder of the folders of studies, as `study.root` has it.
            name: of the study.
        """
        with mirrored(root, name):
            yield cls.find(root, name)

    @property
    def arguments(self) -> list[str]:
        """How a command is told of this study."""
        root = self.path.parent
        place = address_of(root) or near_path(root)
        return [f"study.name={self.path.name}", *([] if place == DEFAULT_ROOT else [f"study.root={place}"])]

    def refuse_links(self) -> None:
        """Raise StudyError if something in the folder is a link: a stranger's study could lead anywhere by one.

        This covers files that others open (databases, Ray's own). The files of trials are checked when they are used.
        """
        if self.path.is_dir():
            for path in (*self.path.iterdir(), *self.scratch.rglob("*")):
                refuse_link(path)

    @property
    def replicates(self) -> StudyFolder:
        """The study with its replicates in the place of its trials: they have numbers of their own."""
        return StudyFolder(self.path.parent, self.path.name, "replicates")

    @property
    def is_replicated(self) -> bool:
        """Whether trials of the study have been trained again with other seeds, or are about to be."""
        return (self.path / "replicates").is_dir()

    def trial(self, number: int) -> TrialFolder:
        """The folder of a trial; raises StudyError if it is a link."""
        folder = TrialFolder(self, number)
        refuse_link(folder.path.parent)
        refuse_link(folder.path)
        return folder

    def trials(self) -> list[TrialFolder]:
        """The folders of all trials that have begun, by number."""
        return [TrialFolder(self, number) for number in sorted(self.begun())]

    @property
    def trials_changed(self) -> int | None:
        """A number that changes when a trial begins; None before the first."""
        place = self.path / self.trials_in
        return place.stat().st_mtime_ns if place.is_dir() else None

    def begun(self) -> set[int]:
        """The numbers of all trials that have begun; raises StudyError if the folder of one is a link."""
        place = self.path / self.trials_in
        refuse_link(place)
        if not place.is_dir():
            return set()
        with os.scandir(place) as entries:
            found = [entry for entry in entries if TRIAL.fullmatch(entry.name)]
        for entry in found:
            if entry.is_symlink():
                refuse_link(place / entry.name)
        return {int(entry.name) for entry in found}

    def trial_config(self, trial: TrialFolder) -> Config:
        """The configuration that a trial ran with."""
        return self.config.read().with_values(trial.searched()).narrowed()

    def remove_leftovers(self) -> None:
        """Remove what killed processes were writing."""
        trials = [f"{part}/{place}.*.tmp" for part in ("trials", "replicates") for place in ("*/", "*/*/")]
        remove_leftovers(self.path, ".*.tmp", "ensemble/.*.tmp", "rule/.*.tmp", *trials)

    def driven(self) -> AbstractContextManager[None]:
        """Drive the study; raises StudyError if another process does, since both would run the same trials."""
        return self.driver.driven(*self._taken())

    @property
    def is_driven(self) -> bool:
        """Whether another process drives the study, as far as this machine can see."""
        driving = self.driver.driving()
        return driving is not None and driving.state != "unknown"

    def refuse_driven(self) -> None:
        """Raise the error of `driven` if another process drives the study."""
        self.driver.refuse(*self._taken())

    def _taken(self) -> tuple[str, str]:
        """What to tell whoever wants to drive the study while another process does, and what to do then."""
        return (
            f"study.name: another process runs '{self.path.name}' in {self.path.parent.absolute()}",
            f"wait for it, end it ({command_line('study.stop', *self.arguments)}), or choose another study.name",
        )

    def tracked(self) -> AbstractContextManager[None]:
        """Send the study to its tracking store; raises StudyError if another process does."""
        return held(
            self.path / "tracking.lock",
            f"{self.path}: another process is sending this study to MLflow",
            "wait until it has finished",
        )


def _others(root: Path, name: str, how: str) -> str:
    """The study that is meant instead of one that does not exist, or those that there are."""
    if not root.is_dir():
        return f", a folder that does not exist{how}"
    there = [folder.path.name for folder in StudyFolder.all_in(root)]
    listed = f"{', '.join(there[:LISTED])}{', …' if len(there) > LISTED else ''}"
    return did_you_mean(name, there) or f"; there: {listed or 'none'}{how}"
