"""The command line: `python -m minilm`, and one command for each thing that can be looked at alone."""

import argparse
import os
import sys

from . import __version__, commands

DESCRIPTION = "Loss masking in supervised fine-tuning, shown number by number."
EPILOG = "Without a command, `compare` runs. Each command has --help with an example."


def main(argv=None):
    """Run one command; returns the exit code. Errors are one sentence on stderr and code 2."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a console that lacks a character shows its escape
            stream.reconfigure(errors="backslashreplace")
    argv = sys.argv[1:] if argv is None else argv
    options = parse(argv)
    try:
        return options.run(options) or 0
    except ValueError as error:
        print("minilm:", one_line(error), file=sys.stderr)
    except MemoryError:
        print("minilm: out of memory: use shorter rows (--max-tokens) or fewer --workers", file=sys.stderr)
    except RuntimeError as error:
        if type(error).__name__ != "BrokenProcessPool":  # its module is not loaded for every command
            raise
        print("minilm: a worker was killed, mostly for want of memory: try --workers 1", file=sys.stderr)
    except BrokenPipeError:  # whoever read the output has seen enough, as in `... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        said = f"{error.filename or 'file'}: {error.strerror or error}"
        print("minilm:", one_line(said), file=sys.stderr)
    except KeyboardInterrupt:
        print("minilm: stopped; finished files are whole, nothing is half-written", file=sys.stderr)
        return 130
    return 2


def one_line(error):
    """What is said, on one line even where the name of a file has several."""
    return "\\n".join(str(error).splitlines())


def parse(argv):
    """The options of one command; flags without a command are those of `compare`."""
    top = argparse.ArgumentParser("minilm", description=DESCRIPTION, epilog=EPILOG, allow_abbrev=False)
    top.add_argument("--version", action="version", version=__version__)
    subparsers = top.add_subparsers(metavar="command", title="commands")
    for name in commands.NAMES:
        module = commands.load(name)
        example = f"Example: {module.EXAMPLE}"
        sub = subparsers.add_parser(
            name, help=module.SUMMARY, description=module.SUMMARY, epilog=example, allow_abbrev=False
        )
        sub.set_defaults(run=module.run)
        module.add_options(sub)
    is_bare = not argv or (argv[0].startswith("-") and argv[0] not in ("-h", "--help", "--version"))
    return top.parse_args(["compare", *argv] if is_bare else argv)


if __name__ == "__main__":
    sys.exit(main())
