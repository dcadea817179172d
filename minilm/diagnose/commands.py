"""`python -m minilm diagnose` and `quiz`."""

import os
import sys

from .. import jsonl, template, tokenizer
from . import audit, prepared, text
from .locate import DiagnoseError


def add_options(command):
    """The two commands' options; `command` is __main__'s."""
    sub = command(
        "diagnose",
        diagnose,
        "Look at prepared training data: what is supervised, and what looks wrong.",
        "python -m minilm diagnose --data rows.jsonl",
    )
    sub.add_argument(
        "arrays", nargs="?", metavar="NPZ", help="arrays ids, labels (-100: no loss) and, or, mask"
    )
    sub.add_argument("--data", metavar="JSONL", help="rows of text, or of input_ids and labels")
    sub.add_argument("--level", choices=("char", "byte"), help="tokens of text rows (default char)")
    sub.add_argument("--max-tokens", type=int, metavar="N", help="cut text rows to N tokens")
    sub.add_argument("--eos-id", type=int, metavar="ID", help="the end-of-sequence id (default: guessed)")
    sub.add_argument("--vocab-size", type=int, metavar="V", help="refuse ids that are not below V")
    sub = command(
        "quiz",
        quiz,
        "Ten sealed runs: which fault does each have? You answer, it explains.",
        "python -m minilm quiz --seed 1",
    )
    sub.add_argument("--seed", type=int, default=0, help="another seed deals other cases")


def diagnose(options):
    """Look at prepared data: an .npz file of ids and labels, or a JSONL file of ids or of text."""
    if (options.arrays is None) == (options.data is None):
        raise DiagnoseError("give either an .npz file, or --data and a JSONL file")
    show, eos_id, size, gap = str, options.eos_id, options.vocab_size, " "
    if options.arrays is not None:
        rows = prepared.npz(options.arrays)
    elif prepared.is_tokenized(options.data):
        rows = prepared.jsonl(options.data)
    else:
        rows, words = from_text(options)
        show, eos_id, size, gap = words.show, tokenizer.EOS_ID, len(words.vocab), ""
    found = audit.audit(rows, size)
    colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    print(text.describe(found, show, eos_id, colour, gap))


def from_text(options):
    """Rows of text in minilm's own encoding, and their tokenizer."""
    if options.max_tokens is not None and options.max_tokens < 2:
        raise DiagnoseError(f"--max-tokens is {options.max_tokens}: it must be 2 or more")
    examples = jsonl.read(options.data)
    words = template.fit_tokenizer(examples, options.level or "char")
    examples = (template.fit(example, words) for example in examples)
    return prepared.from_text(examples, words, options.max_tokens), words


def quiz(options):
    """Ten sealed cases; answers come from the keyboard, or from a pipe."""
    from . import game  # which trains, and loads what that needs

    if options.seed < 0:
        raise DiagnoseError("--seed must not be negative")
    print("Ten runs, each with one fault of the zoo, or none. Say which.")
    try:
        score = game.quiz(options.seed, input, print)
    except EOFError:
        raise DiagnoseError("the answers ended before the tenth case") from None
    print(f"\nYou named {score} of 10.")
