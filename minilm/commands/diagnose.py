"""`python -m minilm diagnose`."""

from .. import data, files, tokenizer
from ..diagnose import DiagnoseError, audit, prepared, text
from . import terminal

SUMMARY = "Look at prepared training data: what is supervised, and what looks wrong."
EXAMPLE = "python -m minilm diagnose --data rows.jsonl"


def add_options(sub):
    """The options of this command."""
    sub.add_argument(
        "arrays",
        nargs="?",
        metavar="NPZ",
        help="arrays ids, labels (-100: no loss) and, if there is one, mask",
    )
    sub.add_argument("--data", metavar="JSONL", help="rows of text, or of input_ids and labels")
    sub.add_argument("--level", choices=("char", "byte"), help="tokens of text rows (default char)")
    sub.add_argument("--max-tokens", type=int, metavar="N", help="cut text rows (default 256)")
    sub.add_argument("--eos-id", type=int, metavar="ID", help="the end-of-sequence id (default: guessed)")
    sub.add_argument("--vocab-size", type=int, metavar="V", help="refuse ids that are not below V")


def run(options):
    """Look at prepared data: an .npz file of ids and labels, or a JSONL file of ids or of text."""
    if (options.arrays is None) == (options.data is None):
        raise DiagnoseError("give either an .npz file, or --data and a JSONL file")
    words, eos_id, size = None, options.eos_id, options.vocab_size
    if options.arrays is not None:
        rows = prepared.npz(options.arrays)
    elif prepared.is_tokenized(options.data):
        rows = prepared.jsonl(options.data)
    else:
        rows, words = from_text(options)
        eos_id, size = tokenizer.EOS_ID, len(words.vocab)
    found = audit.audit(rows, size)
    print(text.describe(found, words, eos_id, terminal.has_colour()))


def from_text(options):
    """Rows of text in minilm's own encoding, and their tokenizer."""
    if options.max_tokens is not None and options.max_tokens < 2:
        raise DiagnoseError(f"--max-tokens is {options.max_tokens}: it must be 2 or more")
    words, file_rows = files.rows.stream(options.data, options.level or "char", options.max_tokens)
    return ((file_row.row.tokens, data.weigh_tokens(file_row.row)) for file_row in file_rows), words
