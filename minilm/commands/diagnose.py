"""`python -m minilm diagnose`."""

from .. import data, files
from .. import tokenizer as tokenizers
from ..diagnose import DiagnoseError, audit, audit_text, prepared
from . import terminal

SUMMARY = "Look at prepared training data: what is supervised, and what looks wrong."
EXAMPLE = "python -m minilm diagnose --data rows.jsonl"


def add_options(sub):
    """The options of this command."""
    sub.add_argument(
        "npz",
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
    if (options.npz is None) == (options.data is None):
        raise DiagnoseError("give either an .npz file, or --data and a JSONL file")
    tokenizer, eos_id, size = None, options.eos_id, options.vocab_size
    if options.npz is not None or prepared.is_tokenized(options.data):
        terminal.refuse_options(options, ("level", "max_tokens"), "where the tokens are prepared")
        rows = prepared.read_npz(options.npz) if options.npz else prepared.read_jsonl(options.data)
    else:
        terminal.refuse_options(options, ("eos_id", "vocab_size"), "for text: its ids are minilm's own")
        rows, tokenizer = read_text_rows(options)
        eos_id, size = tokenizers.EOS_ID, len(tokenizer.vocab)
    result = audit.audit(rows, size)
    print(audit_text.describe(result, tokenizer, eos_id, terminal.has_colour()))


def read_text_rows(options):
    """Rows of text in minilm's own encoding, and their tokenizer."""
    if options.max_tokens is not None and options.max_tokens < 2:
        raise DiagnoseError(f"--max-tokens is {options.max_tokens}: it must be 2 or more")
    tokenizer, file_rows = files.rows.stream(options.data, options.level or "char", options.max_tokens)
    return ((file_row.row.tokens, data.weigh_tokens(file_row.row)) for file_row in file_rows), tokenizer
