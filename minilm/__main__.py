"""The command line: `python -m minilm`, and one command for each thing that can be seen alone."""

import argparse
import errno
import os
import signal
import sys
import threading

from . import __version__, commands, views

DESCRIPTION = "Loss masking in supervised fine-tuning, shown number by number."
EPILOG = "Without a command, `compare` runs. Each command has --help with an example."


def main(argv=None):
    """Run one command; returns the exit code. An error is one sentence on stderr and exit code 2."""
    prepare_streams()
    try:
        return run_command(sys.argv[1:] if argv is None else argv)
    except ValueError as error:
        print_error(error)
    except MemoryError:
        print_error("out of memory: use shorter rows (--max-tokens) or fewer --workers")
    except OSError as error:
        said_by_windows = sys.platform == "win32" and (error.errno, error.filename) == (errno.EINVAL, None)
        if isinstance(error, BrokenPipeError) or said_by_windows:  # the reader has seen enough: `... | head`
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 1
        print_error(f"{error.filename or 'the output'}: {error.strerror or error}")
    except KeyboardInterrupt as error:
        print_error("stopped; finished files are whole, nothing is half-written")
        return 128 + (error.args[0] if error.args else signal.SIGINT)
    return 2


def run_command(argv):
    """Run what argv asks for; returns the exit code. Raises OSError where nobody can read the output."""
    handled = []
    try:
        options = parse_options(argv)
        handled = interrupt_on_signals(options.command)
        return options.run(options) or 0
    finally:
        for number in handled:
            signal.signal(number, signal.SIG_DFL)
        sys.stdout.flush()


def prepare_streams():
    """Let a closed stream swallow what is printed, and a console show escapes of characters it lacks."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        stream = getattr(sys, name) or open(os.devnull, mode, encoding="utf-8")
        setattr(sys, name, stream)
        if mode == "w" and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def interrupt_on_signals(command):
    """Let SIGTERM, and SIGHUP of a closed terminal, do what Ctrl-C does: workers end, too. Returns both.

    `train` handles its own. A signal that somebody else handles, or ignores as nohup does, stays theirs.
    """

    def interrupt(number, frame):
        raise KeyboardInterrupt(number)

    if command == "train" or threading.current_thread() is not threading.main_thread():
        return []
    numbers = {signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)}  # Windows has no SIGHUP
    handled = [number for number in numbers if signal.getsignal(number) is signal.SIG_DFL]
    for number in handled:
        signal.signal(number, interrupt)
    return handled


def print_error(error):
    """Print an error on one line of stderr: control characters as escapes, a long middle cut out."""
    text = views.escape(str(error))
    print("minilm:", text if len(text) <= 1000 else f"{text[:600]} ... {text[-400:]}", file=sys.stderr)


def parse_options(argv):
    """The options of one command, as argparse gives them, with its `run` among them.

    An option before any command is one of `compare`. Raises ValueError for an empty name of a file.
    """
    top = argparse.ArgumentParser("minilm", description=DESCRIPTION, epilog=EPILOG, allow_abbrev=False)
    top.add_argument("--version", action="version", version=__version__)
    subparsers = top.add_subparsers(dest="command", metavar="command", title="commands")
    for name in commands.NAMES:
        module = commands.load(name)
        sub = subparsers.add_parser(
            name,
            help=module.SUMMARY,
            description=module.SUMMARY,
            epilog=f"Example: {module.EXAMPLE}",
            allow_abbrev=False,
        )
        sub.set_defaults(run=module.run)
        module.add_options(sub)
    if not argv or (argv[0].startswith("-") and argv[0] not in ("-h", "--help", "--version")):
        argv = ["compare", *argv]
    options, unknown = top.parse_known_args(argv)
    if unknown:
        raise ValueError(f"unrecognized arguments: {' '.join(unknown)}; `--help` lists what there is")
    for name, value in vars(options).items():
        if value == "" and name not in ("prompt", "response"):
            raise ValueError(f"the name given for {name} is empty: name a file or a folder")
    return options


if __name__ == "__main__":
    sys.exit(main())
