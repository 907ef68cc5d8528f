import signal
from collections.abc import Iterator, Sequence

import pytest

from study.commandline import parse_pairs, run_command, usage
from study.errors import AllFailedError, ConfigError, FadeoutError

LEGAL = {"out": "where to", "in": "where from"}


def test_pairs_are_split_at_the_first_equals_sign() -> None:
    assert parse_pairs(["out=a=b", "in="], LEGAL) == {"out": "a=b", "in": ""}


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(ConfigError) as error:
        parse_pairs(["ot=1", "words", "in=1", "in=2"], LEGAL)
    assert [problem.split(":")[0] for problem in error.value.problems] == ["ot", "words", "in"]


def test_other_keys_can_be_allowed() -> None:
    assert parse_pairs(["DWI=a.nii"], LEGAL, others=True) == {"DWI": "a.nii"}


def test_a_mistake_is_one_line_on_stderr_and_exit_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    def fail(arguments: Sequence[str]) -> None:
        raise FadeoutError("first\nsecond")

    with pytest.raises(SystemExit) as stopped:
        run_command(fail, [])
    assert stopped.value.code == 2
    assert capsys.readouterr().err == "error: first\nerror: second\n"


def test_a_study_of_which_every_trial_failed_ends_with_exit_code_3(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(arguments: Sequence[str]) -> None:
        raise AllFailedError("all 3 trials failed")

    with pytest.raises(SystemExit) as stopped:
        run_command(fail, [])
    assert stopped.value.code == 3
    assert capsys.readouterr().err == "error: all 3 trials failed\n"


def test_debug_shows_the_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    def fail(arguments: Sequence[str]) -> None:
        raise FadeoutError("first")

    with pytest.raises(SystemExit):
        run_command(fail, ["debug=true"])
    assert "Traceback" in capsys.readouterr().err


def test_a_full_disk_is_told_with_the_file(capsys: pytest.CaptureFixture[str]) -> None:
    def fail(arguments: Sequence[str]) -> None:
        raise OSError(28, "No space left on device", "/data/x.npy")

    with pytest.raises(SystemExit) as stopped:
        run_command(fail, [])
    assert stopped.value.code == 2
    assert "/data/x.npy: No space left on device" in capsys.readouterr().err


def test_a_programming_error_is_not_hidden() -> None:
    def fail(arguments: Sequence[str]) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run_command(fail, [])


def test_usage_names_every_key() -> None:
    text = usage("study.x", "Does x.", LEGAL)
    assert all(key in text and explanation in text for key, explanation in LEGAL.items())


@pytest.fixture
def _heeds_ctrl_c() -> Iterator[None]:
    """A shell that runs the tests in the background has them ignore SIGINT."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_heeds_ctrl_c")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_a_command_with_one_line_that_says_how_to_continue(
    capsys: pytest.CaptureFixture[str], number: signal.Signals, code: int
) -> None:
    def work(arguments: Sequence[str]) -> None:
        try:
            signal.raise_signal(number)
        except KeyboardInterrupt as interrupt:
            interrupt.add_note("continue with resume=true")
            raise

    with pytest.raises(SystemExit) as stopped:
        run_command(work, [])
    assert stopped.value.code == code
    assert capsys.readouterr().err == "interrupted; continue with resume=true\n"
