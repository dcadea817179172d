"""Let a training end in order when it is asked to."""

import contextlib
import signal
import threading

NAMES = ("SIGINT", "SIGTERM", "SIGHUP")  # Ctrl-C, an end asked for by the system, a closed terminal
SIGNALS = [getattr(signal, name) for name in NAMES if hasattr(signal, name)]


@contextlib.contextmanager
def catch_signals():
    """`with catch_signals() as requests:` the first of SIGNALS fills the list.

    Ctrl-C after it interrupts. The others are counted only: shells and `timeout` send them twice.
    It does nothing in a thread, nor to a signal that is ignored or handled by others.
    """
    requests, interrupt = [], signal.default_int_handler

    def record_request(number, frame):
        requests.append(number)
        if signal.SIGINT in before:
            signal.signal(signal.SIGINT, interrupt)

    is_main_thread = threading.current_thread() is threading.main_thread()
    before = {number: signal.getsignal(number) for number in SIGNALS if is_main_thread}
    before = {n: handler for n, handler in before.items() if handler in (interrupt, signal.SIG_DFL)}
    try:
        for number in before:
            signal.signal(number, record_request)
        yield requests
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
