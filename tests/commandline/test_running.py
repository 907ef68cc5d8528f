import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence

import pytest

from study.commandline import run_command
from study.errors import AllFailedError, FadeoutError


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


def ended_with_closed_output(body: str) -> subprocess.CompletedProcess[str]:
    """A command whose output nobody reads after the first line, as in `… | head -1`."""
    code = f"import threading, time; from study.commandline import run_command, say\n{body}\nrun_command(main, [])"
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "first\n"
        process.stdout.close()
        assert process.stderr is not None
        said = process.stderr.read()
    return subprocess.CompletedProcess(command, process.returncode, None, said)


def test_a_command_whose_output_nobody_reads_on_ends_silently() -> None:
    body = "def main(arguments):\n    say('first')\n    while True: say('more')"
    ended = ended_with_closed_output(body)
    assert (ended.returncode, ended.stderr) == (141, "")


def test_so_does_one_that_prints_from_a_thread_after_it_has_tidied_up() -> None:
    body = """
def chatter():
    while True: say('more')
def main(arguments):
    say('first')
    threading.Thread(target=chatter, daemon=True).start()
    time.sleep(60)
"""
    ended = ended_with_closed_output(body)
    assert (ended.returncode, ended.stderr) == (130, "interrupted\n")
