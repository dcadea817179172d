"""A training ends in order when it is asked to, and nobody else's signals are touched."""

import signal
import threading

import pytest

from minilm import files

SIGNALS = files.stop.SIGNALS


@pytest.fixture(autouse=True)
def ordinary_handlers():
    """Python's own handlers, however the tests were started."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    for number in SIGNALS:
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("first", SIGNALS)
def test_a_ctrl_c_after_the_first_signal_interrupts_and_the_handlers_are_given_back(first):
    before = [signal.getsignal(number) for number in SIGNALS]
    with pytest.raises(KeyboardInterrupt), files.stop.catch_signals() as requests:
        assert requests == []
        signal.raise_signal(first)
        assert requests == [first]
        signal.raise_signal(signal.SIGINT)
    assert [signal.getsignal(number) for number in SIGNALS] == before


def test_a_signal_that_a_shell_sends_twice_asks_once():
    with files.stop.catch_signals() as requests:
        for number in SIGNALS[1:] * 2:
            signal.raise_signal(number)
    assert set(requests) == set(SIGNALS[1:])


def test_ignored_signals_and_those_of_others_stay_as_they_are():
    seen = []
    signal.signal(signal.SIGTERM, lambda number, frame: seen.append(number))
    for number in set(SIGNALS) - {signal.SIGTERM}:  # as nohup does with SIGHUP
        signal.signal(number, signal.SIG_IGN)
    with files.stop.catch_signals() as requests:
        for number in SIGNALS:
            signal.raise_signal(number)
    assert requests == [] and seen == [signal.SIGTERM]


def test_nothing_is_caught_in_a_thread():
    caught = []

    def catch():
        with files.stop.catch_signals() as requests:
            caught.append(requests)

    thread = threading.Thread(target=catch)
    thread.start()
    thread.join()
    assert caught == [[]]
