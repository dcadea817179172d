"""`python -m minilm mask`."""

from .. import data, files, masks
from .. import tokenizer as tokenizers
from . import terminal

SUMMARY = "Print which tokens of an example, or of a file's rows, carry loss."
EXAMPLE = 'python -m minilm mask "User: What is 2+2? Assistant:" "4"'


def add_options(sub):
    """The options of this command."""
    sub.add_argument("prompt", nargs="?", help="(default the course's question)")
    sub.add_argument("response", nargs="?")
    sub.add_argument("--data", metavar="JSONL", help="show rows of a file, and a summary of all")
    sub.add_argument("--row", type=int, metavar="N", help="which row, from 0 (default: the first ones)")
    sub.add_argument("--policy", choices=masks.POLICIES, help="the mask (default response)")
    sub.add_argument("--max-tokens", type=int, metavar="N", help="cut rows (default 256)")
    sub.add_argument("--html", metavar="FILE", help="write a page for the browser (default: print text)")
    sub.add_argument(
        "--level", choices=("word", "char", "byte"), help="default word for an example, char for --data"
    )
    sub.add_argument("--prompt-weight", type=float, metavar="W", help="0 masked (default) .. 1 full")
    sub.add_argument("--no-bos", action="store_true", help="the first prompt token is not predicted")
    sub.add_argument("--no-eos", action="store_true", help="nothing teaches the model to stop")


def run(options):
    """Print the mask table of one example, or preview the rows of a file."""
    if options.data is not None:
        if options.prompt is not None:
            raise ValueError("give either a PROMPT and a RESPONSE or --data, not both")
        return preview_rows(options)
    terminal.refuse_options(options, ("row", "policy", "max_tokens", "html"), "without --data")
    example = terminal.choose_example(options)
    tokenizer = tokenizers.build(options.level or "word", example)
    row = data.encode(example, tokenizer, bos=not options.no_bos, eos=not options.no_eos)
    print(data.mask_table(row, tokenizer, options.prompt_weight or 0.0))


def preview_rows(options):
    """Print some of a file's rows with their marks, or write them as a page, and sum all rows up."""
    terminal.check_page(options.html)
    if options.policy == "full":
        terminal.refuse_options(options, ("prompt_weight",), "with --policy full, whose weights are all 1")
    for name, value, least in (("row", options.row, 0), ("max-tokens", options.max_tokens, 2)):
        if value is not None and value < least:
            raise ValueError(f"--{name} is {value}: it must be {least} or more")
    numbers = range(3 if options.html is None else 100)
    if options.row is not None:
        numbers = range(options.row, options.row + 1)
    preview = files.preview.read(
        options.data,
        options.level or "char",
        options.policy or "response",
        numbers,
        options.max_tokens,
        options.prompt_weight or 0.0,
        bos=not options.no_bos,
        eos=not options.no_eos,
    )
    if options.html is None:
        print(files.preview.write_text(preview, terminal.has_colour()))
        return
    terminal.write_page(options.html, files.preview.make_page(preview))
    print(*files.preview.summarize(preview), f"{options.html} holds the rows: open it in a browser", sep="\n")
