"""The command line: `python -m minilm`, and one command for each thing that can be looked at alone."""

import argparse
import os
import sys

from . import commands, gradcases, preview
from .diagnose import commands as diagnosis

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
    top.set_defaults(run=commands.main_job)
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

    for add in (
        add_mask,
        add_gradcheck,
        add_train,
        add_plot,
        add_generate,
        add_bench,
        add_trace,
        add_lessons,
        add_export,
    ):
        add(command)
    diagnosis.add_options(command)
    return top, subparsers.choices


def seed(text):
    """A whole number that is not negative, as NumPy's generators want it."""
    if int(text) < 0:
        raise ValueError
    return int(text)


def add_mask(command):
    sub = command(
        "mask",
        commands.mask,
        "Print which tokens of an example, or of a file's rows, carry loss.",
        'python -m minilm mask "User: What is 2+2? Assistant:" "4"',
    )
    sub.add_argument("prompt", nargs="?")
    sub.add_argument("response", nargs="?")
    sub.add_argument("--data", dest="rows", metavar="JSONL", help="show rows of a file, and sum all up")
    sub.add_argument("--row", type=int, metavar="N", help="which row, from 0 (default: the first ones)")
    sub.add_argument("--policy", choices=preview.POLICIES, help="the mask (default response)")
    sub.add_argument("--max-tokens", type=int, metavar="N", help="cut rows to N tokens")
    sub.add_argument("--html", metavar="FILE", help="write a page for the browser (default: print text)")
    sub.add_argument(
        "--level", choices=("word", "char", "byte"), help="default word for an example, char for --data"
    )
    sub.add_argument("--prompt-weight", type=float, default=0.0, metavar="W", help="0 masked .. 1 full")
    sub.add_argument("--no-bos", action="store_true", help="the first prompt token is not predicted")
    sub.add_argument("--no-eos", action="store_true", help="nothing teaches the model to stop")


def add_gradcheck(command):
    sub = command(
        "gradcheck",
        commands.gradcheck,
        "Compare the hand-written gradients with numeric ones; exit code 1 if any differs.",
        "python -m minilm gradcheck --layer attention",
    )
    sub.add_argument("--layer", choices=gradcases.LAYERS, help="one pair (default: all, and the model)")
    sub.add_argument("--method", choices=("complex", "central"), default="complex")


def add_train(command):
    sub = command(
        "train",
        commands.train,
        "Train on your rows; can be stopped (Ctrl-C) and resumed.",
        "python -m minilm train --data rows.jsonl --out run --prompt-weight 0",
    )
    sub.add_argument(
        "--data",
        required=True,
        metavar="JSONL",
        help='rows {"prompt": ..., "completion": ...} or {"messages": [...]}',
    )
    sub.add_argument("--out", required=True, metavar="DIR", help="model.npz and history.jsonl go there")
    sub.add_argument(
        "--resume",
        action="store_true",
        help="go on with the run in DIR, with its settings: they, and the rows, must be the same. Another "
        "--steps is refused, too: the learning rate comes down to 0 at the last step, so it is another run",
    )
    sub.add_argument("--level", choices=("char", "byte"), help="tokens (default char)")
    sub.add_argument("--prompt-weight", type=float, metavar="W", help="0 masked (default) .. 1 full")
    sub.add_argument("--steps", type=int, help="(default 300)")
    sub.add_argument("--lr", type=float, help="peak learning rate (default 0.003)")
    sub.add_argument("--seed", type=seed, help="(default 0)")
    sub.add_argument(
        "--max-tokens", type=int, metavar="N", help="cut rows to N tokens (conversations: default 256)"
    )


def add_plot(command):
    sub = command(
        "plot",
        commands.plot,
        "Draw a run's history: NLL of prompts and answers, exact match.",
        "python -m minilm plot run",
    )
    sub.add_argument("dir", help="what train wrote with --out; history.png goes there")


def add_generate(command):
    sub = command(
        "generate",
        commands.generate,
        "Let a trained model answer a prompt.",
        'python -m minilm generate run "What is the capital of France?"',
    )
    sub.add_argument("dir", help="what train wrote with --out")
    sub.add_argument("prompt")
    sub.add_argument("--max-new-tokens", type=int, default=100, metavar="N")
    sub.add_argument("--temperature", type=float, default=0.0, metavar="T", help="0 is greedy (default)")
    sub.add_argument("--top-k", type=int, metavar="K", help="draw from the K most likely tokens only")
    sub.add_argument("--seed", type=seed, default=0)


def add_bench(command):
    sub = command(
        "bench",
        commands.bench,
        "Time a training step against its bare matrix products, and generation.",
        "python -m minilm bench --sizes zoo S",
    )
    sub.add_argument("--sizes", nargs="+", choices=("zoo", "S", "M"), default=["zoo", "S", "M"])
    sub.add_argument("--batching", action="store_true", help="compare padding and packing instead")


def add_trace(command):
    sub = command(
        "trace",
        commands.trace,
        "Step through one example, forward and backward, on a small random model.",
        'python -m minilm trace "User: What is 2+2? Assistant:" "4" --html trace.html',
    )
    sub.add_argument("prompt")
    sub.add_argument("response")
    sub.add_argument("--html", metavar="FILE", help="write a page for the browser (default: print text)")
    sub.add_argument("--level", choices=("word", "char", "byte"), default="word")
    sub.add_argument(
        "--prompt-weight",
        type=float,
        nargs="+",
        default=[0.0, 1.0],
        metavar="W",
        help="the losses, side by side: 0 masked .. 1 full (default 0 1)",
    )


def add_lessons(command):
    sub = command(
        "lessons",
        commands.lessons,
        "Make the learners' notebooks from lessons/solutions, and run both.",
        "python -m minilm lessons",
    )
    sub.add_argument("--dir", default="lessons", help="the folder that holds solutions/ (default lessons)")
    sub.add_argument("--no-run", action="store_true", help="make them without running: no outputs")


def add_export(command):
    sub = command(
        "export",
        commands.export,
        "Write a trained model as a folder that transformers opens.",
        "python -m minilm export run hf",
    )
    sub.add_argument("dir", help="what train wrote with --out")
    sub.add_argument("out", help="the new folder: config, weights and tokenizer of a GPT-2")
    sub = command(
        "import",
        commands.import_folder,
        "Read such a folder back, say after transformers or TRL trained it further.",
        "python -m minilm import hf run2",
    )
    sub.add_argument("dir", help="a folder of export's, or what save_pretrained made of it")
    sub.add_argument("out", help="model.npz goes there")


if __name__ == "__main__":
    sys.exit(main())
