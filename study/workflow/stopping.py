"""Ends a study that another process of this machine runs."""

from __future__ import annotations

import time
from collections.abc import Callable

from study.commandline.progress import Say
from study.errors import StudyError
from study.records import StudyFolder
from study.records.driving import Driver, Driving

WITHIN_S = 120.0  # checkpoints come home within 10 s, and MLflow gets 10 s more; a busy machine takes longer
LOOK_EVERY_S = 0.2


def stop_study(folder: StudyFolder, say: Say, sleep: Callable[[float], object] = time.sleep) -> None:
    """Ask the process that runs a study to end, and wait until it has.

    It is the process that holds the study's lock, known by its number and the time of its start, so that no other
    process is ever ended.

    Args:
        folder: of the study.
        say: receives what happens.
        sleep: waits for so many seconds.

    Raises:
        StudyError: the study runs on another machine, belongs to another user, or does not end in time.
    """
    name = folder.path.name
    if (driving := folder.driver.driving()) is None:
        say(f"{name}: nothing runs it; there is nothing to stop")
        return
    driver = _stoppable(folder, driving)
    try:
        driver.identity.ask_to_end()
    except PermissionError:
        raise StudyError(
            f"{name}: process {driver.process} belongs to another user, who must stop it"
        ) from None
    except ProcessLookupError:
        say(f"{name}: process {driver.process} has just ended")
        return
    say(f"{name}: process {driver.process} is asked to end; its trials bring home their checkpoints")
    for _ in range(round(WITHIN_S / LOOK_EVERY_S)):
        if not driver.identity.is_alive:
            say(f"{name}: stopped; continue with the study's command and resume=true")
            return
        sleep(LOOK_EVERY_S)
    raise StudyError(
        f"{name}: process {driver.process} has not ended within {WITHIN_S:g} s; look at {folder.log.path}, "
        "and ask again"
    )


def _stoppable(folder: StudyFolder, driving: Driving) -> Driver:
    """The process to ask.

    Raises:
        StudyError: it is on another machine, or not known yet.
    """
    name, driver = folder.path.name, driving.driver
    if driver is None:
        raise StudyError(f"{name}: a process is just starting it; ask again in a few seconds")
    if driving.state == "unknown":
        raise StudyError(
            f"{name}: nothing runs it on this machine; it was last run by process {driver.process} on {driver.host}: "
            "if it runs there still, repeat this command there"
        )
    if not driver.identity.is_here:
        raise StudyError(
            f"{name}: process {driver.process} on {driver.host} runs it; repeat this command there"
        )
    return driver
