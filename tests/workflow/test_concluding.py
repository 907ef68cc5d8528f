"""What a study leaves behind when its search ends, fails, or is another driver's."""

from __future__ import annotations

from pathlib import Path

import pytest
from studies import complete, prepared_study, write_study, write_trial

from study.config import Config, validate
from study.errors import StudyError, TakenOverError
from study.records import StudyFolder
from study.workflow.study import _concluding


class Sender:
    """A tracker that notes whether it was asked to send what is left."""

    finished = False

    def begin(self) -> None:
        """Do nothing."""

    def trial_changed(self, number: int) -> None:
        """Do nothing."""

    def finish(self, timeout_s: float) -> bool:
        self.finished = True
        return True


@pytest.fixture
def study(tmp_path: Path) -> tuple[Config, StudyFolder]:
    config = validate({"study": {"name": "s", "root": str(tmp_path)}})
    folder = write_study(config, prepared_study())
    write_trial(folder, complete(0))
    return config, folder


@pytest.mark.parametrize("error", [None, StudyError("the database is away"), KeyboardInterrupt()])
def test_it_is_summarised_and_sent_whatever_happened(
    study: tuple[Config, StudyFolder], error: BaseException | None
) -> None:
    config, folder = study
    sender = Sender()
    if error is None:
        with _concluding(config, folder, sender):
            pass
    else:
        with pytest.raises(type(error)), _concluding(config, folder, sender):
            raise error
    assert folder.summary.read().winner == 0
    assert sender.finished


def test_a_study_that_was_taken_over_is_left_to_the_other_driver(study: tuple[Config, StudyFolder]) -> None:
    config, folder = study
    sender = Sender()
    with pytest.raises(TakenOverError), _concluding(config, folder, sender):
        raise TakenOverError("it is another driver's")
    assert not folder.summary.exists
    assert not sender.finished
