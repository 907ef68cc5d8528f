from __future__ import annotations

import signal
import threading
from collections.abc import Iterator

import pytest

from study.machine.interrupts import Interrupt, exit_code, interruptible, uninterrupted


@pytest.fixture(autouse=True)
def _handlers() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGUSR1)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGUSR1, 138)])
def test_a_request_to_end_interrupts_and_the_former_handler_returns(
    number: signal.Signals, code: int
) -> None:
    signal.signal(number, signal.SIG_DFL)
    with pytest.raises(Interrupt) as caught, interruptible():
        signal.raise_signal(number)
    assert isinstance(caught.value, KeyboardInterrupt)
    assert exit_code(caught.value) == code
    assert signal.getsignal(number) is signal.SIG_DFL


def test_ctrl_c_has_its_usual_exit_code() -> None:
    assert exit_code(KeyboardInterrupt()) == 130


def test_a_library_that_replaces_the_handlers_is_overruled() -> None:
    with interruptible() as listen:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # as ray.init sets a handler of its own
        listen()
        with pytest.raises(Interrupt):
            signal.raise_signal(signal.SIGTERM)


def test_an_inner_block_gives_back_to_the_outer_one_what_a_library_took() -> None:
    with interruptible():
        with interruptible():
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        with pytest.raises(Interrupt):
            signal.raise_signal(signal.SIGTERM)


def replace_the_interrupt() -> None:
    """What `ray.wait` does: an interrupt of its own replaces the one that arrived."""
    try:
        signal.raise_signal(signal.SIGTERM)
    except Interrupt:
        replaced = KeyboardInterrupt()
        replaced.add_note("continue with resume=true")
        raise replaced from None


def test_a_library_that_raises_an_interrupt_of_its_own_does_not_hide_which_signal_it_was() -> None:
    with pytest.raises(Interrupt) as caught, interruptible():
        replace_the_interrupt()
    assert exit_code(caught.value) == 143
    assert caught.value.__notes__ == ["continue with resume=true"]


def test_ctrl_c_in_the_block_stays_what_it_is() -> None:
    with pytest.raises(KeyboardInterrupt) as caught, interruptible():
        raise KeyboardInterrupt
    assert not isinstance(caught.value, Interrupt)


def test_an_ignored_signal_stays_ignored() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with interruptible() as listen:
        listen()
        signal.raise_signal(signal.SIGTERM)
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN


def test_other_threads_leave_the_handlers_alone() -> None:
    found = []

    def look() -> None:
        with interruptible() as listen:
            listen()
            found.append(signal.getsignal(signal.SIGTERM))

    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert found == [before]


def test_a_signal_is_put_off_to_the_end_of_what_cannot_be_left_in_the_middle() -> None:
    done = []

    def work() -> None:
        with uninterrupted():
            signal.raise_signal(signal.SIGTERM)
            done.append("first")
            signal.raise_signal(signal.SIGINT)
            done.append("second")

    with interruptible():
        with pytest.raises(Interrupt):
            work()
        with pytest.raises(Interrupt):
            signal.raise_signal(signal.SIGTERM)
    assert done == ["first", "second"]


def test_nothing_is_raised_where_no_signal_arrived() -> None:
    before = signal.getsignal(signal.SIGINT)
    with uninterrupted():
        pass
    assert signal.getsignal(signal.SIGINT) is before
