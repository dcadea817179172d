"""The command line: `python -m minilm`, and one command for each thing that can be seen alone."""

import argparse
import os
import sys

from . import __version__, commands

DESCRIPTION = "Loss masking in supervised fine-tuning, shown number by number."
EPILOG = "Without a command, `compare` runs. Each command has --help with an example."


def main(argv=None):
    """Run one command; returns the exit code. An error is one sentence on stderr and exit code 2."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a console that lacks a character shows its escape
            stream.reconfigure(errors="backslashreplace")
    options = parse_options(sys.argv[1:] if argv is None else argv)
    try:
        return options.run(options) or 0
    except ValueError as error:
        print_error(error)
    except MemoryError:
        print_error("out of memory: use shorter rows (--max-tokens) or fewer --workers")
    except RuntimeError as error:
        if type(error).__name__ != "BrokenProcessPool":  # by name: most commands never load its module
            raise
        print_error("a worker was killed, most likely because memory ran out: try --workers 1")
    except BrokenPipeError:  # the reader of the output has seen enough, as in `... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        print_error(f"{error.filename or 'file'}: {error.strerror or error}")
    except KeyboardInterrupt:
        print_error("stopped; finished files are whole, nothing is half-written")
        return 130
    return 2


def print_error(error):
    """Print an error on one line of stderr, even if the name of a file in it has several lines."""
    print("minilm:", "\\n".join(str(error).splitlines()), file=sys.stderr)


def parse_options(argv):
    """The options of one command, as argparse gives them, with its `run` among them.

    An option before any command is one of `compare`.
    """
    top = argparse.ArgumentParser("minilm", description=DESCRIPTION, epilog=EPILOG, allow_abbrev=False)
    top.add_argument("--version", action="version", version=__version__)
    subparsers = top.add_subparsers(metavar="command", title="commands")
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
    return top.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
