"""`python -m minilm diagnose`. Exit code: 0 if nothing looks wrong, 1 if something does, 2 for bad input."""

from .. import tokenizer as tokenizers
from ..diagnose import DiagnoseError, audit
from . import terminal

SUMMARY = (
    "Look at prepared training data: what carries loss, and what looks wrong. "
    "Exit code 0: nothing looks wrong; 1: something does; 2: bad input."
)
EXAMPLE = "python -m minilm diagnose --data rows.jsonl --tokenizer tokenizer.json"
OF_IDS = ("eos_id", "vocab_size", "tokenizer", "ignore_index")


def add_options(sub):
    """The options of this command."""
    sub.add_argument(
        "npz",
        nargs="?",
        metavar="NPZ",
        help="arrays ids and labels (-100: no loss) or a loss_mask; any file that --data takes",
    )
    sub.add_argument(
        "--data",
        metavar="FILE",
        help="rows of input_ids and labels or a mask, as JSONL or a JSON array, or rows of text as JSONL",
    )
    sub.add_argument("--tokenizer", metavar="JSON", help="a tokenizer.json, to show ids as text")
    sub.add_argument(
        "--eos-id", type=int, action="append", metavar="ID", help="a stop token (default: guessed)"
    )
    sub.add_argument("--ignore-index", type=int, metavar="N", help="the label of no loss (default -100)")
    sub.add_argument("--vocab-size", type=int, metavar="V", help="refuse ids that are not below V")
    sub.add_argument("--level", choices=("char", "byte"), help="tokens of text rows (default char)")
    sub.add_argument("--max-tokens", type=int, metavar="N", help="cut text rows (default 256)")
    sub.add_argument("--json", action="store_true", help="print the result as one JSON object")


def run(options):
    """Look at prepared data, rows of ids or of text; returns the exit code."""
    if (options.npz is None) == (options.data is None):
        raise DiagnoseError("give either an .npz file, or --data and a JSONL file")
    rows = audit.readers.open_rows(options.npz or options.data, options.ignore_index)
    if rows is None:
        return report_text(options)
    terminal.refuse_options(options, ("level", "max_tokens"), "where the tokens are prepared")
    if options.eos_id and min(options.eos_id) < 0:
        raise DiagnoseError(f"--eos-id is {min(options.eos_id)}: an id is never negative")
    pieces = audit.pieces.read_pieces(options.tokenizer) if options.tokenizer else None
    counted = audit.count_rows(rows, options.eos_id or (), options.vocab_size)
    notes = rows.tell(options.eos_id or (), pieces)
    findings = audit.find_suspicions(counted, pieces.show if pieces else str)
    if options.json:
        print(audit.text.write_json(counted, findings, notes, pieces))
    else:
        print(audit.text.describe(counted, findings, notes, pieces, terminal.has_colour()))
    return 1 if findings else 0


def report_text(options):
    """Look at rows of text in minilm's own encoding; returns 0, since their mask is minilm's own."""
    terminal.refuse_options(options, OF_IDS, "for text: its ids are minilm's own")
    if options.max_tokens is not None and options.max_tokens < 2:
        raise DiagnoseError(f"--max-tokens is {options.max_tokens}: it must be 2 or more")
    rows = audit.text_rows.TextRows(options.npz or options.data, options.level or "char", options.max_tokens)
    counted = audit.count_rows(rows, [tokenizers.EOS_ID])
    if options.json:
        limit = {"tokens": rows.limit, "cut": rows.cut}
        print(audit.text.write_json(counted, [], rows.tell(), rows.tokenizer, limit))
    else:
        own = "the mask, which for rows of text is minilm's own; "
        print(audit.text.describe(counted, [], rows.tell(), rows.tokenizer, terminal.has_colour(), own))
    return 0
