"""The course and the clinic: notebooks, the quiz, and the diagnosis of prepared data."""

from .. import files, template, tokenizer
from ..diagnose import DiagnoseError, audit, prepared, text
from . import terminal


def add_options(command):
    """The options of these commands; `command` is __main__'s."""
    for add in (
        add_diagnose,
        add_quiz,
        add_lessons,
    ):
        add(command)


def add_diagnose(command):
    sub = command(
        "diagnose",
        diagnose,
        "Look at prepared training data: what is supervised, and what looks wrong.",
        "python -m minilm diagnose --data rows.jsonl",
    )
    sub.add_argument(
        "arrays",
        nargs="?",
        metavar="NPZ",
        help="arrays ids, labels (-100: no loss) and, if there is one, mask",
    )
    sub.add_argument("--data", metavar="JSONL", help="rows of text, or of input_ids and labels")
    sub.add_argument("--level", choices=("char", "byte"), help="tokens of text rows (default char)")
    sub.add_argument("--max-tokens", type=int, metavar="N", help="cut text rows (conversations: default 256)")
    sub.add_argument("--eos-id", type=int, metavar="ID", help="the end-of-sequence id (default: guessed)")
    sub.add_argument("--vocab-size", type=int, metavar="V", help="refuse ids that are not below V")


def diagnose(options):
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
    examples = files.rows.read(options.data)
    words = template.fit_tokenizer(examples, options.level or "char")
    examples = (template.fit(example, words) for example in examples)
    return prepared.from_text(examples, words, template.limit(words, options.max_tokens)), words


def add_quiz(command):
    sub = command(
        "quiz",
        quiz,
        "Ten sealed runs: which fault does each have? You answer, it explains.",
        "python -m minilm quiz --seed 1",
    )
    sub.add_argument("--seed", type=terminal.seed, default=0, help="another seed deals other cases")


def quiz(options):
    """Ten sealed cases; answers come from the keyboard, or from a pipe."""
    from ..exercises import quiz  # which trains, and loads what that needs

    print("Ten runs, each with one fault of the zoo, or none. Say which.")
    try:
        score = quiz.quiz(options.seed, input, print)
    except EOFError:
        raise DiagnoseError("the answers ended before the tenth case") from None
    print(f"\nYou named {score} of 10.")


def add_lessons(command):
    sub = command(
        "lessons",
        lessons,
        "Make the learners' notebooks from lessons/solutions, and run both.",
        "python -m minilm lessons",
    )
    sub.add_argument("--dir", default="lessons", help="the folder that holds solutions/ (default lessons)")
    sub.add_argument("--no-run", action="store_true", help="make them without running: no outputs")


def lessons(options):
    """Make the learners' notebooks from the authored ones."""
    from .. import lessons as notebooks  # nbformat, only where notebooks are made

    with terminal.Progress("lessons") as progress:
        paths = notebooks.build(options.dir, not options.no_run, progress.report)
    print(f"{len(paths)} notebooks in {options.dir}/, made from {options.dir}/solutions/")
