"""The command line: `python -m minilm`, and one command for each thing that can be looked at alone."""

import argparse
import os
import sys

from . import commands

DESCRIPTION = "Loss masking in supervised fine-tuning, shown number by number."
MAIN_HELP = """\
Without a command: print which tokens carry loss, check the decomposition log P(x, y) =
log P(x) + log P(y|x) on real gradients, train with masked, 0.1-weighted and full loss over
several seeds, and write the figures. Example: python -m minilm --seeds 10 --out figures"""


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
    """The options; an unknown or abbreviated flag is named (argparse would blame what follows)."""
    top, commands_of = parser()
    now, is_value = top, False
    for word in argv:
        if word == "--":  # what follows is no flag
            break
        if is_value:  # of the flag before it, though it be named like a command
            is_value = False
            continue
        flag = word.partition("=")[0]
        action = now._option_string_actions.get(word)
        is_value = action is not None and action.nargs is None
        if flag.startswith("--") and " " not in flag and flag not in now._option_string_actions:
            now.error(f"unknown flag {flag}: flags are written out in full, --help lists them")
        if now is top and word in commands_of:
            now = commands_of[word]
    options = top.parse_args(argv)
    if now is not top and options.data and not any(action.dest == "data" for action in now._actions):
        top.error("--data stands before a command: write it after mask, train or diagnose, or give none")
    return options


def parser():
    """The parser and those of its commands."""
    top = argparse.ArgumentParser("minilm", description=DESCRIPTION, epilog=MAIN_HELP, allow_abbrev=False)
    top.set_defaults(run=commands.figures.main_job)
    top.add_argument("--data", metavar="JSONL", help="compare the losses on your own rows instead")
    top.add_argument("--seeds", type=int, help="how many seeds (default 10; 3 with --data)")
    top.add_argument("--steps", type=int, help="training steps of a run (default 300)")
    top.add_argument("--out", metavar="DIR", help="where figures go (default figures, quick: figures/quick)")
    top.add_argument("--quick", action="store_true", help="2 seeds of 100 steps: a first look")
    top.add_argument(
        "--workers", type=int, default=os.cpu_count(), help="runs side by side (default: all cores)"
    )
    top.add_argument("--level", choices=("char", "byte"), help="tokens of --data (default char)")
    top.add_argument(
        "--max-tokens", type=int, metavar="N", help="cut --data rows to N tokens (conversations: default 256)"
    )
    subparsers = top.add_subparsers(metavar="command", title="commands")

    def command(name, run, summary, example):
        sub = subparsers.add_parser(
            name, help=summary, description=summary, epilog=f"Example: {example}", allow_abbrev=False
        )
        sub.set_defaults(run=run)
        return sub

    for group in commands.GROUPS:
        group.add_options(command)
    return top, subparsers.choices


if __name__ == "__main__":
    sys.exit(main())
