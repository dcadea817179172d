"""Prepared rows of many templates, right ones and ones with a planted fault, as a trainer's files hold them.

A message is (header, text, stop, trailer, role): lists of ids. RIGHT lists set-ups without a fault; FAULTS
changes the loss of rows of several templates.
"""

import numpy as np

PAD, TEXT = 0, range(100, 400)
TRAINED = ("assistant",)


def draw(rng, low=2, high=9, words=TEXT):
    return rng.choice(words, rng.integers(low, high)).tolist()


def chat(header, stop, trailer=(), opening=(), header_of=None):
    """A template: row = opening, then each message's header, text, stop, trailer."""

    def build(turns):
        pieces = [(list(opening), "opening")] if opening else []
        for role, text in turns:
            pieces += [
                (header(role), f"{role} header"),
                (list(text), role),
                (stop(role), f"{role} stop"),
                (list(trailer), f"{role} trailer"),
            ]
        return [(token, part) for tokens, part in pieces for token in tokens]

    return build


ROLES = {"system": 4, "user": 5, "assistant": 6, "tool": 7}
CHATML = chat(lambda role: [1, ROLES[role], 3], lambda role: [2], [3])
LETTERS = {"system": [50, 51, 50], "user": [52, 50, 53], "assistant": [54, 50, 50, 55, 56], "tool": [56, 57]}
CHARS = chat(lambda role: [1, *LETTERS[role], 3], lambda role: [2], [3])
LLAMA3 = chat(lambda role: [10, ROLES[role], 11, 3], lambda role: [12], opening=[9])
GEMMA = chat(lambda role: [1, ROLES[role], 3], lambda role: [2], [3], opening=[9])
PHI3 = chat(lambda role: [20 + ROLES[role], 3], lambda role: [2], [3])
ZEPHYR = chat(lambda role: [30, 31, 32 + ROLES[role], 3], lambda role: [2], [3])
MISTRAL = chat(
    lambda role: [40] if role == "user" else [41],
    lambda role: [2] if role == "assistant" else [],
    opening=[9],
)
DEEPSEEK = chat(lambda role: [20 + ROLES[role]], lambda role: [2] if role == "assistant" else [], opening=[9])
GLM = chat(lambda role: [20 + ROLES[role], 3], lambda role: [])


def llama2(turns):
    row = []
    for role, text in turns:
        if role == "user":
            row += [
                (9, "opening"),
                (40, "user header"),
                *((t, "user") for t in text),
                (41, "assistant header"),
            ]
        else:
            row += [*((t, role) for t in text), (2, f"{role} stop")]
    return row


def alpaca(turns):
    (_, question), (_, answer) = turns
    above, below = [60, 61, 62, 63, 62, 64, 3, 3, 65, 65, 66, 67, 3], [3, 3, 65, 65, 68, 67, 3]
    parts = [(9, "opening"), *((t, "user") for t in [*above, *question, *below])]
    return [*parts, *((t, "assistant") for t in answer), (2, "assistant stop")]


def plain(turns):
    (_, question), (_, answer) = turns
    return [*((t, "user") for t in question), *((t, "assistant") for t in answer), (2, "assistant stop")]


def gpt2(turns):
    (_, question), (_, answer) = turns
    parts = [(8, "opening"), *((t, "user") for t in question)]
    return [*parts, *((t, "assistant") for t in answer), (8, "assistant stop")]


def t5(turns):
    (_, question), (_, answer) = turns
    parts = [*((t, "user") for t in question), (2, "user stop")]
    return [*parts, *((t, "assistant") for t in answer), (2, "assistant stop")]


def pair(rng, low=2):
    return [("user", draw(rng)), ("assistant", draw(rng, low))]


def dialogue(rng):
    turns = [("system", draw(rng))] if rng.random() < 0.5 else []
    for _ in range(rng.integers(1, 4)):
        turns += pair(rng, 1)
    return turns


def with_tools(rng):
    turns = []
    for _ in range(rng.integers(1, 3)):
        turns.append(("user", draw(rng)))
        for _ in range(rng.integers(0, 3)):
            turns += [("assistant", draw(rng)), ("tool", draw(rng))]
        turns.append(("assistant", draw(rng)))
    return turns


def light(pieces, extra=(), dark=()):
    """Loss weights: the answers and their stops, and any more parts by name."""
    lit = {"assistant", "assistant stop", *extra} - set(dark)
    return [float(part in lit) for _, part in pieces]


def row_of(pieces, weights):
    ids = [token for token, _ in pieces]
    labels = [token if w else -100 for token, w in zip(ids, weights, strict=True)]
    return {"input_ids": ids, "labels": labels}


def make_rows(build, turns, seed, n=28, extra=(), dark=()):
    rng = np.random.default_rng(seed)
    made = [build(turns(rng)) for _ in range(n)]
    return [row_of(pieces, light(pieces, extra, dark)) for pieces in made]


def pad_rows(rows, side="right", width=None, pad=PAD, attention=True):
    """Rows padded to one width, labels with -100."""
    width = max(len(row["input_ids"]) for row in rows) if width is None else width
    padded = []
    for row in rows:
        n = width - len(row["input_ids"])
        new = {}
        for name, fill in (("input_ids", pad), ("labels", -100)):
            new[name] = [fill] * n + row[name] if side == "left" else row[name] + [fill] * n
        if attention:
            seen = [1] * (width - n)
            new["attention_mask"] = [0] * n + seen if side == "left" else seen + [0] * n
        padded.append(new)
    return padded


def pack(rows, size=4, positions=True):
    packed = []
    for k in range(0, len(rows), size):
        group = rows[k : k + size]
        new = {name: [t for row in group for t in row[name]] for name in ("input_ids", "labels")}
        if positions:
            new["position_ids"] = [t for row in group for t in range(len(row["input_ids"]))]
        packed.append(new)
    return packed


def wrap(rows, size=50):
    """Rows joined and cut into blocks, wherever that may be."""
    whole = pack(rows, len(rows), positions=False)[0]
    n = len(whole["input_ids"]) // size * size
    return [{name: values[k : k + size] for name, values in whole.items()} for k in range(0, n, size)]


def shift(rows):
    return [{"input_ids": r["input_ids"][:-1], "labels": r["labels"][1:]} for r in rows]


def as_mask(rows, name="loss_mask"):
    return [{"input_ids": r["input_ids"], name: [int(t != -100) for t in r["labels"]]} for r in rows]


def weigh(rows, prompt):
    return [
        {"input_ids": r["input_ids"], "loss_mask": [prompt if t == -100 else 1.0 for t in r["labels"]]}
        for r in rows
    ]


def glm_rows(seed, n=28):
    """The stop is the next role's token: it carries loss, at the row's end, too."""
    rng = np.random.default_rng(seed)
    rows = []
    for _ in range(n):
        pieces, turns = [(9, "opening")], with_tools(rng)
        for k, (role, text) in enumerate(turns):
            is_stop = k > 0 and turns[k - 1][0] == "assistant"
            pieces += [(20 + ROLES[role], "assistant stop" if is_stop else "header"), (3, "header")]
            pieces += [(t, role) for t in text]
        pieces.append((25, "assistant stop"))
        rows.append(row_of(pieces, light(pieces)))
    return rows


def two_stops(seed, n=28):
    rng = np.random.default_rng(seed)
    rows = []
    for _ in range(n):
        pieces, turns = [(9, "opening")], with_tools(rng)
        for k, (role, text) in enumerate(turns):
            is_call = role == "assistant" and k + 1 < len(turns) and turns[k + 1][0] == "tool"
            pieces += [(t, "header") for t in (10, ROLES[role], 11, 3)] + [(t, role) for t in text]
            pieces.append((13 if is_call else 12, f"{role} stop"))
        rows.append(row_of(pieces, light(pieces)))
    return rows


def think(lit, seed, n=28):
    """Answers with a think block: <think> text </think> newline, lit or dark."""
    rng = np.random.default_rng(seed)
    rows = []
    for _ in range(n):
        block, answer = [70, 3, *draw(rng), 71, 3], draw(rng)
        pieces = CHATML([("user", draw(rng)), ("assistant", block + answer)])
        weights = light(pieces)
        start = len(pieces) - 2 - len(answer) - len(block)
        if not lit:
            weights[start : start + len(block)] = [0.0] * len(block)
        rows.append(row_of(pieces, weights))
    return rows


def empty_think(lit, seed, n=28):
    """Answers behind an empty think block, a constant that is lit or dark."""
    return [
        row_of(
            pieces := CHATML([("user", draw(rng)), ("assistant", [70, 3, 3, 71, 3, 3, *draw(rng)])]),
            [
                w if lit or t not in (70, 71, 3) else 0.0
                for (t, _), w in zip(pieces, light(pieces), strict=True)
            ],
        )
        for rng in map(np.random.default_rng, range(seed * 1000, seed * 1000 + n))
    ]


def mute_some(build, turns, seed, n=28):
    """Some answers have weight 0, stop and all; no row loses all of them."""
    rng = np.random.default_rng(seed)
    rows = []
    for _ in range(n):
        first, *rest = [turns(rng) for _ in range(rng.integers(2, 4))]
        pieces, weights = [], []
        for k, part in enumerate([first, *rest]):
            made = build(part)
            factor = 1.0 if k == 0 or rng.random() < 0.5 else 0.0
            pieces, weights = pieces + made, weights + [w * factor for w in light(made)]
        rows.append(row_of(pieces, weights))
    return rows


def images(seed, varied, n=28):
    rng = np.random.default_rng(seed)
    rows = []
    for row in make_rows(alpaca, pair, seed, n):
        k = int(rng.integers(4, 20)) if varied else 16
        rows.append({"input_ids": [77] * k + row["input_ids"], "labels": [-100] * k + row["labels"]})
    return rows


def pretraining_free(rows):
    return [
        {"input_ids": r["input_ids"], "completion_mask": [int(t != -100) for t in r["labels"]]} for r in rows
    ]


def one_word(rng):
    return [("user", draw(rng)), ("assistant", draw(rng, 1, 2, range(100, 104)))]


def sentences(rng):
    return [("user", [*draw(rng), 99, *draw(rng)]), ("assistant", [*draw(rng), 99, *draw(rng), 99])]


RIGHT = {
    "chatml": lambda s: make_rows(CHATML, dialogue, s),
    "chatml, newline lit": lambda s: make_rows(CHATML, dialogue, s, extra=["assistant trailer"]),
    "chatml, sentences": lambda s: make_rows(CHATML, sentences, s),
    "chatml, one row": lambda s: make_rows(CHATML, dialogue, s, n=1),
    "chatml, five rows": lambda s: make_rows(CHATML, pair, s, n=5),
    "chatml by letters": lambda s: make_rows(CHARS, dialogue, s),
    "chatml with tools": lambda s: make_rows(CHATML, with_tools, s),
    "chatml, shifted": lambda s: shift(make_rows(CHATML, dialogue, s)),
    "chatml, shifted and padded": lambda s: pad_rows(shift(make_rows(CHATML, pair, s)), attention=False),
    "chatml, left pads": lambda s: pad_rows(make_rows(CHATML, dialogue, s), "left"),
    "chatml, left pads unseen": lambda s: pad_rows(make_rows(CHATML, dialogue, s), "left", attention=False),
    "chatml, right pads unseen": lambda s: pad_rows(make_rows(CHATML, dialogue, s), attention=False),
    "chatml, fixed width": lambda s: pad_rows(make_rows(CHATML, pair, s), width=64, attention=False),
    "chatml, pad is stop": lambda s: pad_rows(make_rows(CHATML, pair, s), pad=2, attention=False),
    "chatml, packed": lambda s: pack(make_rows(CHATML, pair, s)),
    "chatml, packed unseen": lambda s: pack(make_rows(CHATML, dialogue, s), positions=False),
    "chatml, assistant_masks": lambda s: as_mask(make_rows(CHATML, dialogue, s), "assistant_masks"),
    "chatml, prompts weigh": lambda s: weigh(make_rows(CHATML, dialogue, s), 0.1),
    "llama 2": lambda s: make_rows(llama2, lambda rng: pair(rng) + pair(rng), s),
    "llama 2, one turn": lambda s: make_rows(llama2, pair, s),
    "llama 3": lambda s: make_rows(LLAMA3, dialogue, s),
    "llama 3, two stops": lambda s: two_stops(s),
    "llama 3, weights of 0": lambda s: mute_some(
        chat(lambda r: [10, ROLES[r], 11, 3], lambda r: [12]), pair, s
    ),
    "gemma": lambda s: make_rows(GEMMA, dialogue, s),
    "gemma, newline lit": lambda s: make_rows(GEMMA, dialogue, s, extra=["assistant trailer"]),
    "phi 3": lambda s: make_rows(PHI3, dialogue, s),
    "zephyr": lambda s: make_rows(ZEPHYR, dialogue, s),
    "glm": glm_rows,
    "mistral": lambda s: make_rows(MISTRAL, lambda rng: pair(rng) + pair(rng), s),
    "deepseek": lambda s: make_rows(DEEPSEEK, dialogue, s),
    "deepseek, packed": lambda s: pack(make_rows(DEEPSEEK, pair, s)),
    "deepseek, packed unseen": lambda s: pack(make_rows(DEEPSEEK, pair, s), positions=False),
    "chatml, blocks": lambda s: wrap(make_rows(CHATML, dialogue, s)),
    "deepseek, blocks": lambda s: wrap(make_rows(DEEPSEEK, dialogue, s)),
    "gpt 2, blocks": lambda s: wrap(make_rows(gpt2, pair, s)),
    "alpaca": lambda s: make_rows(alpaca, pair, s),
    "alpaca, padded": lambda s: pad_rows(make_rows(alpaca, pair, s), attention=False),
    "gpt 2": lambda s: make_rows(gpt2, pair, s),
    "gpt 2, right pads": lambda s: pad_rows(make_rows(gpt2, pair, s), pad=8, attention=False),
    "gpt 2, left pads": lambda s: pad_rows(make_rows(gpt2, pair, s), "left", pad=8, attention=False),
    "gpt 2, packed": lambda s: pack(make_rows(gpt2, pair, s), positions=False),
    "t5": lambda s: make_rows(t5, pair, s),
    "t5, one word": lambda s: make_rows(t5, one_word, s),
    "plain": lambda s: make_rows(plain, pair, s),
    "plain, one word": lambda s: make_rows(plain, one_word, s),
    "plain, left pads": lambda s: pad_rows(make_rows(plain, pair, s), "left"),
    "plain, prompts weigh": lambda s: weigh(make_rows(plain, pair, s), 0.5),
    "labels without a stop": lambda s: (
        make_rows(plain, one_word, s, dark=["assistant stop"], n=3)[:0]
        or [{k: v[:-1] for k, v in row.items()} for row in make_rows(alpaca, one_word, s)]
    ),
    "role lit, as gpt-oss has it": lambda s: make_rows(CHARS, dialogue, s, extra=["assistant header"]),
    "think lit": lambda s: think(True, s),
    "think dark": lambda s: think(False, s),
    "empty think lit": lambda s: empty_think(True, s),
    "empty think dark": lambda s: empty_think(False, s),
    "images": lambda s: images(s, False),
    "images of many sizes": lambda s: images(s, True),
    "completion of a dialogue": lambda s: pretraining_free(
        [last_only(row) for row in make_rows(CHATML, dialogue, s)]
    ),
}


def last_only(row):
    """Only the last span of a row carries loss."""
    labels = row["labels"]
    end = max(k for k, t in enumerate(labels) if t != -100)
    start = max((k for k in range(end) if labels[k] == -100), default=-1)
    return row | {"labels": [t if k > start else -100 for k, t in enumerate(labels)]}


# ---------------------------------------------------------------- faults


def relabel(rows, change):
    """Rows whose lit places (n,) are changed: change(ids, lit, row number) -> lit."""
    made = []
    for k, row in enumerate(rows):
        ids = np.array(row["input_ids"])
        lit = change(ids, np.array(row["labels"]) != -100, k)
        made.append(row | {"labels": np.where(lit, ids, -100).tolist()})
    return made


def light_all(rows, but=()):
    return relabel(rows, lambda ids, lit, k: ~np.isin(ids, but))


def invert(rows):
    return relabel(rows, lambda ids, lit, k: ~lit)


def darken(rows, *tokens):
    return relabel(rows, lambda ids, lit, k: lit & ~np.isin(ids, tokens))


def lose_rows(rows, every=3):
    return relabel(rows, lambda ids, lit, k: lit & (k % every > 0))


def move(rows, places):
    def change(ids, lit, k):
        moved = np.roll(lit, places)
        return moved & (np.arange(len(ids)) > 0) if places > 0 else moved

    return relabel(rows, change)


def run_on(rows, n):
    """Every span goes on over n more tokens."""

    def change(ids, lit, k):
        longer = lit.copy()
        for places in range(1, n + 1):
            longer[places:] |= lit[:-places]
        return longer

    return relabel(rows, change)


def cut_rows(rows, limit):
    return [{name: values[:limit] for name, values in row.items()} for row in rows]


def double_first(rows):
    return [{"input_ids": r["input_ids"][:1] + r["input_ids"], "labels": [-100, *r["labels"]]} for r in rows]


def light_pads(rows, pad=PAD):
    return relabel(rows, lambda ids, lit, k: lit | (ids == pad))


def mask_by_column(rows):
    """The prompt's length is counted from column 0, with the pads on the left dark."""

    def change(ids, lit, k):
        seen = np.flatnonzero(ids != PAD)[0]
        n_prompt = np.flatnonzero(lit)[0] - seen
        return (np.arange(len(ids)) >= n_prompt) & (ids != PAD)

    return relabel(rows, change)


def insert_before_answer(rows, tokens, lit=False):
    made = []
    for row in rows:
        at = next(k for k, t in enumerate(row["labels"]) if t != -100)
        middle = tokens if lit else [-100] * len(tokens)
        made.append(
            {
                "input_ids": row["input_ids"][:at] + tokens + row["input_ids"][at:],
                "labels": row["labels"][:at] + middle + row["labels"][at:],
            }
        )
    return made


def begin_with(rows, token):
    return [{"input_ids": [token, *r["input_ids"]], "labels": [-100, *r["labels"]]} for r in rows]


def stops_dark(build, turns, seed, only_calls=False, n=28):
    """The stop of every answer but the last one is dark, or of those before tool output."""
    rng = np.random.default_rng(seed)
    rows = []
    for _ in range(n):
        said = turns(rng)
        pieces, weights = build(said), None
        weights = light(pieces)
        ends = [k for k, (_, part) in enumerate(pieces) if part == "assistant stop"]
        answers = [k for k, (role, _) in enumerate(said) if role == "assistant"]
        for end, k in zip(ends, answers, strict=True):
            is_call = k + 1 < len(said) and said[k + 1][0] == "tool"
            if is_call if only_calls else end != ends[-1]:
                weights[end] = 0.0
        rows.append(row_of(pieces, weights))
    return rows


def see_answers_only(rows):
    return [r | {"attention_mask": [int(t != -100) for t in r["labels"]]} for r in rows]


def two(rng):
    return pair(rng) + pair(rng)


def call_once(rng):
    return [*pair(rng), ("tool", draw(rng)), ("assistant", draw(rng))]


TOOL_PARTS = ["tool", "tool header", "tool stop", "tool trailer", "assistant trailer", "assistant header"]
PLANTED = {  # what is planted in what: rows of a seed, and the names that should be found
    "mask_not_applied: chatml": (lambda s: light_all(make_rows(CHATML, dialogue, s)), ["mask_not_applied"]),
    "mask_not_applied: alpaca": (lambda s: light_all(make_rows(alpaca, pair, s)), ["mask_not_applied"]),
    "mask_not_applied: pads": (
        lambda s: relabel(pad_rows(make_rows(llama2, pair, s)), lambda ids, lit, k: ids != PAD),
        ["mask_not_applied"],
    ),
    "mask_not_applied: last newline dark": (
        lambda s: [
            r | {"labels": [*r["labels"][:-1], -100]} for r in light_all(make_rows(GEMMA, dialogue, s))
        ],
        ["mask_not_applied"],
    ),
    "mask_not_applied, eos_masked: chatml": (
        lambda s: light_all(make_rows(CHATML, dialogue, s), [2]),
        ["mask_not_applied", "eos_masked"],
    ),
    "mask_not_applied, eos_masked: alpaca": (
        lambda s: light_all(make_rows(alpaca, pair, s), [2]),
        ["mask_not_applied", "eos_masked"],
    ),
    "mask_not_applied, eos_masked: pad is stop": (
        lambda s: light_all(pad_rows(make_rows(alpaca, pair, s), pad=2), [2]),
        ["mask_not_applied", "eos_masked"],
    ),
    "mask_inverted: alpaca": (lambda s: invert(make_rows(alpaca, pair, s)), ["mask_inverted"]),
    "mask_inverted: plain": (lambda s: invert(make_rows(plain, pair, s)), ["mask_inverted"]),
    "mask_inverted: llama 2": (lambda s: invert(make_rows(llama2, one_word, s)), ["mask_inverted"]),
    "mask_inverted: chatml": (lambda s: invert(make_rows(CHATML, dialogue, s)), ["mask_inverted"]),
    "mask_inverted: llama 3": (lambda s: invert(make_rows(LLAMA3, two, s)), ["mask_inverted"]),
    "eos_masked: gpt 2": (lambda s: darken(make_rows(gpt2, pair, s), 8), ["eos_masked"]),
    "eos_masked: mistral": (lambda s: darken(make_rows(MISTRAL, two, s), 2), ["eos_masked"]),
    "eos_masked: glm": (lambda s: darken(glm_rows(s), 25, 27), ["eos_masked"]),
    "eos_masked: packed": (lambda s: pack(darken(make_rows(DEEPSEEK, pair, s), 2)), ["eos_masked"]),
    "eos_masked: chatml": (lambda s: darken(make_rows(CHATML, dialogue, s), 2), ["eos_masked"]),
    "eos_masked: chatml, sentences": (lambda s: darken(make_rows(CHATML, sentences, s), 2), ["eos_masked"]),
    "eos_masked: llama 3": (lambda s: darken(make_rows(LLAMA3, dialogue, s), 12), ["eos_masked"]),
    "eos_masked: phi 3": (lambda s: darken(make_rows(PHI3, dialogue, s), 2), ["eos_masked"]),
    "eos_masked: alpaca": (lambda s: darken(make_rows(alpaca, pair, s), 2), ["eos_masked"]),
    "eos_masked: alpaca, pad is stop": (
        lambda s: darken(pad_rows(make_rows(alpaca, pair, s), pad=2), 2),
        ["eos_masked"],
    ),
    "eos_masked: alpaca, pad is stop, unseen": (
        lambda s: darken(pad_rows(make_rows(alpaca, pair, s), pad=2, width=64, attention=False), 2),
        ["eos_masked", "eos_cut"],
    ),
    "eos_masked: left pads": (
        lambda s: darken(pad_rows(make_rows(llama2, pair, s), "left"), 2),
        ["eos_masked"],
    ),
    "eos_cut: alpaca": (lambda s: cut_rows(make_rows(alpaca, pair, s), 34), ["eos_cut"]),
    "eos_cut: chatml": (lambda s: cut_rows(make_rows(CHATML, pair, s), 21), ["eos_cut"]),
    "marker_not_found: alpaca": (lambda s: lose_rows(make_rows(alpaca, pair, s)), ["marker_not_found"]),
    "marker_not_found: chatml": (lambda s: lose_rows(make_rows(CHATML, dialogue, s)), ["marker_not_found"]),
    "marker_not_found: all": (lambda s: lose_rows(make_rows(CHATML, dialogue, s), 1), ["marker_not_found"]),
    "pads_in_the_loss: right": (
        lambda s: light_pads(pad_rows(make_rows(CHATML, pair, s), attention=False)),
        ["pads_in_the_loss"],
    ),
    "pads_in_the_loss: seen": (
        lambda s: light_pads(pad_rows(make_rows(alpaca, pair, s))),
        ["pads_in_the_loss"],
    ),
    "pads_in_the_loss: left": (
        lambda s: light_pads(pad_rows(make_rows(CHATML, pair, s), "left", attention=False)),
        ["pads_in_the_loss"],
    ),
    "pads_in_the_loss: pad is stop": (
        lambda s: light_pads(pad_rows(make_rows(llama2, pair, s), pad=2, attention=False), 2),
        ["pads_in_the_loss"],
    ),
    "double_bos: llama 2": (lambda s: double_first(make_rows(llama2, pair, s)), ["double_bos"]),
    "double_bos: llama 2, turns": (lambda s: double_first(make_rows(llama2, two, s)), ["double_bos"]),
    "double_bos: llama 3": (lambda s: double_first(make_rows(LLAMA3, dialogue, s)), ["double_bos"]),
    "double_bos: right pads": (
        lambda s: pad_rows(double_first(make_rows(GEMMA, dialogue, s)), attention=False),
        ["double_bos"],
    ),
    "double_bos: left pads": (
        lambda s: pad_rows(double_first(make_rows(GEMMA, dialogue, s)), "left", attention=False),
        ["double_bos"],
    ),
    "mask_one_late: chatml": (lambda s: move(make_rows(CHATML, dialogue, s), 1), ["mask_one_late"]),
    "mask_one_late: llama 2": (lambda s: move(make_rows(llama2, two, s), 1), ["mask_one_late"]),
    "mask_one_late: alpaca": (lambda s: move(make_rows(alpaca, pair, s), 1), ["mask_one_late"]),
    "mask_one_early: llama 2": (lambda s: move(make_rows(llama2, pair, s), -1), ["mask_one_early"]),
    "mask_one_early: deepseek": (lambda s: move(make_rows(DEEPSEEK, dialogue, s), -1), ["mask_one_early"]),
    "mask_one_early: chatml": (
        lambda s: move(make_rows(CHATML, dialogue, s), -1),
        ["mask_one_early", "eos_masked"],
    ),
    "last_turn_only: chatml": (
        lambda s: [last_only(row) for row in make_rows(CHATML, dialogue, s)],
        ["last_turn_only"],
    ),
    "last_turn_only: llama 2": (
        lambda s: [last_only(row) for row in make_rows(llama2, two, s)],
        ["last_turn_only"],
    ),
    "last_turn_only: phi 3, padded": (
        lambda s: pad_rows([last_only(row) for row in make_rows(PHI3, two, s)], attention=False),
        ["last_turn_only"],
    ),
    "last_turn_only: llama 3": (
        lambda s: [last_only(row) for row in make_rows(LLAMA3, with_tools, s)],
        ["last_turn_only"],
    ),
    "earlier_stops_masked: chatml": (lambda s: stops_dark(CHATML, two, s), ["earlier_stops_masked"]),
    "earlier_stops_masked: llama 2": (lambda s: stops_dark(llama2, two, s), ["earlier_stops_masked"]),
    "earlier_stops_masked: llama 3": (lambda s: stops_dark(LLAMA3, dialogue, s), ["earlier_stops_masked"]),
    "tool_call_stops_masked: chatml": (
        lambda s: stops_dark(CHATML, with_tools, s, True),
        ["tool_call_stops_masked"],
    ),
    "tool_call_stops_masked: llama 3": (
        lambda s: stops_dark(LLAMA3, with_tools, s, True),
        ["tool_call_stops_masked"],
    ),
    "span_runs_on: chatml, opener": (lambda s: run_on(make_rows(CHATML, two, s), 2), ["span_runs_on"]),
    "span_runs_on: chatml, header": (lambda s: run_on(make_rows(CHATML, two, s), 4), ["span_runs_on"]),
    "span_runs_on: llama 3": (lambda s: run_on(make_rows(LLAMA3, two, s), 4), ["span_runs_on"]),
    "span_runs_on: from the first answer on": (
        lambda s: relabel(make_rows(CHATML, two, s), lambda ids, lit, k: np.maximum.accumulate(lit)),
        ["span_runs_on"],
    ),
    "tool_output_trained: chatml": (
        lambda s: make_rows(CHATML, call_once, s, extra=TOOL_PARTS),
        ["span_runs_on", "tool_output_trained"],
    ),
    "tool_output_trained: llama 3": (
        lambda s: make_rows(LLAMA3, call_once, s, extra=TOOL_PARTS),
        ["span_runs_on", "tool_output_trained"],
    ),
    "bos_eos_inside: plain": (
        lambda s: begin_with(insert_before_answer(make_rows(plain, pair, s), [2, 9]), 9),
        ["bos_eos_inside"],
    ),
    "bos_eos_inside: plain, lit": (
        lambda s: begin_with(
            insert_before_answer(insert_before_answer(make_rows(plain, pair, s), [9], True), [2]), 9
        ),
        ["bos_eos_inside"],
    ),
    "bos_eos_inside: llama 3, begin alone": (
        lambda s: insert_before_answer(make_rows(LLAMA3, pair, s), [9]),
        ["bos_eos_inside"],
    ),
    "bos_eos_inside: alpaca": (
        lambda s: insert_before_answer(make_rows(alpaca, pair, s), [2, 9]),
        ["bos_eos_inside"],
    ),
    "bos_eos_inside: right pads": (
        lambda s: pad_rows(
            begin_with(insert_before_answer(make_rows(plain, pair, s), [2, 9]), 9), attention=False
        ),
        ["bos_eos_inside"],
    ),
    "prefix_masked_by_column: chatml": (
        lambda s: mask_by_column(pad_rows(make_rows(CHATML, pair, s), "left")),
        ["prefix_masked_by_column"],
    ),
    "prefix_masked_by_column: llama 2": (
        lambda s: mask_by_column(pad_rows(make_rows(llama2, pair, s), "left", attention=False)),
        ["prefix_masked_by_column"],
    ),
    "prefix_masked_by_column: dialogue": (
        lambda s: mask_by_column(pad_rows(make_rows(GEMMA, two, s), "left")),
        ["prefix_masked_by_column"],
    ),
    "prefix_masked_by_column: alpaca": (
        lambda s: mask_by_column(pad_rows(make_rows(alpaca, pair, s), "left", attention=False)),
        ["prefix_masked_by_column"],
    ),
    "boundary_in_the_loss: deepseek": (
        lambda s: run_on(pack(make_rows(DEEPSEEK, pair, s)), 1),
        ["boundary_in_the_loss"],
    ),
    "boundary_in_the_loss: deepseek, unseen": (
        lambda s: run_on(pack(make_rows(DEEPSEEK, pair, s), positions=False), 1),
        ["boundary_in_the_loss"],
    ),
    "boundary_in_the_loss: gpt 2": (
        lambda s: run_on(pack(make_rows(gpt2, pair, s)), 1),
        ["boundary_in_the_loss"],
    ),
    "boundary_in_the_loss: llama 3": (
        lambda s: run_on(pack(make_rows(LLAMA3, pair, s)), 1),
        ["boundary_in_the_loss"],
    ),
    "generation_prompt_trained: chatml": (
        lambda s: make_rows(CHATML, dialogue, s, extra=["assistant header"]),
        ["generation_prompt_trained"],
    ),
    "generation_prompt_trained: llama 3": (
        lambda s: make_rows(LLAMA3, dialogue, s, extra=["assistant header"]),
        ["generation_prompt_trained"],
    ),
    "generation_prompt_trained: gemma": (
        lambda s: make_rows(GEMMA, dialogue, s, extra=["assistant header"]),
        ["generation_prompt_trained"],
    ),
    "attention_mask_confused: alpaca": (
        lambda s: see_answers_only(make_rows(alpaca, pair, s)),
        ["attention_mask_confused"],
    ),
    "attention_mask_confused: chatml": (
        lambda s: see_answers_only(make_rows(CHATML, dialogue, s)),
        ["attention_mask_confused"],
    ),
}


# ---------------------------------------------------------------- right ones with weights, and one row a turn


def weigh_parts(build, turns, seed, weights, n=28):
    """Rows with a loss_weights of their own for each part, 1 for answers and their stops; not a mask."""
    rng = np.random.default_rng(seed)
    rows = []
    for _ in range(n):
        pieces = build(turns(rng))
        given = {"assistant": 1.0, "assistant stop": 1.0} | weights
        loss_weights = [given.get(part, 0.0) for _, part in pieces]
        rows.append({"input_ids": [token for token, _ in pieces], "loss_weights": loss_weights})
    return rows


def weigh_turns(seed, n=28):
    """Earlier answers count half."""
    rows = []
    for row in make_rows(CHATML, dialogue, seed, n):
        last = last_only(row)["labels"]
        pairs = zip(row["labels"], last, strict=True)
        weights = [0.0 if t == -100 else 1.0 if u != -100 else 0.5 for t, u in pairs]
        rows.append({"input_ids": row["input_ids"], "loss_weights": weights})
    return rows


def weigh_rows(seed, n=28):
    """Every row has a weight of its own."""
    rng = np.random.default_rng(seed)
    rows = as_mask(make_rows(CHATML, dialogue, seed, n), "loss_weights")
    for row in rows:
        factor = float(rng.choice([0.25, 0.5, 1.0]))
        row["loss_weights"] = [factor * w for w in row["loss_weights"]]
    return rows


def unroll(rows):
    """One row for every answer: what stands before it is its prompt."""
    made = []
    for row in rows:
        labels = row["labels"]
        ends = [k + 1 for k, t in enumerate(labels) if t != -100 and (labels[k + 1 :] or [-100])[0] == -100]
        made += [last_only({name: values[:end] for name, values in row.items()}) for end in ends]
    return made


def zipf(rng):
    """A few words make up most of the text."""
    words = np.arange(100, 400)
    shares = 1 / np.arange(1, 301)
    turns = []
    for _ in range(rng.integers(1, 4)):
        for role in ("user", "assistant"):
            turns.append((role, rng.choice(words, rng.integers(1, 30), p=shares / shares.sum()).tolist()))
    return turns


def two_stops_and_newline(seed, n=28):
    """ChatML in which some answers end with another stop token, each before a dark newline."""
    rng = np.random.default_rng(seed)
    rows = make_rows(CHATML, pair, seed, n)
    for row in rows:
        if rng.random() < 0.4:
            row["input_ids"][-2] = row["labels"][-2] = 13
    return rows


RIGHT |= {
    "chatml, two stops": two_stops_and_newline,
    "tool output weighs 0.1": lambda s: weigh_parts(CHATML, with_tools, s, {"tool": 0.1}),
    "users' text weighs 0.1": lambda s: weigh_parts(CHATML, dialogue, s, {"user": 0.1}),
    "users' text and stop weigh 0.1": lambda s: weigh_parts(
        LLAMA3, dialogue, s, {"user": 0.1, "user stop": 0.1}
    ),
    "stops weigh 2": lambda s: weigh_parts(CHATML, dialogue, s, {"assistant stop": 2.0}),
    "stops weigh 0.5": lambda s: weigh_parts(PHI3, dialogue, s, {"assistant stop": 0.5}),
    "earlier answers weigh 0.5": weigh_turns,
    "rows have weights": weigh_rows,
    "one row an answer": lambda s: unroll(make_rows(CHATML, dialogue, s)),
    "one row an answer, llama 2": lambda s: unroll(make_rows(llama2, two, s)),
    "a few words, chatml": lambda s: make_rows(CHATML, zipf, s),
    "a few words, llama 2": lambda s: make_rows(llama2, zipf, s),
    "a few words, deepseek, padded": lambda s: pad_rows(make_rows(DEEPSEEK, zipf, s), attention=False),
    "a few words, phi 3, left": lambda s: pad_rows(make_rows(PHI3, zipf, s), "left", attention=False),
}


def shift_and_pad(rows, form, side, pad, seen, masked, width=40):
    """Labels one place ahead, padded to one width.

    form: "cut", inputs without the last token; "keep", a pad as the last label; "late", shifted once padded.
    seen: with an attention_mask. masked: labels are ids everywhere, and a loss_mask decides.
    """
    fill = pad if masked else -100
    whole = []
    for row in rows:
        ids, labels = row["input_ids"], row["labels"]
        made = {
            "input_ids": (ids, pad),
            "labels": (ids if masked else labels, fill),
            "loss_mask": ([int(t != -100) for t in labels], 0),
            "attention_mask": ([1] * len(ids), 0),
        }
        whole.append({name: shift_one(name, *value, form, side, width) for name, value in made.items()})
    is_kept = {"input_ids": True, "labels": True, "loss_mask": masked, "attention_mask": seen}
    return [{name: values for name, values in row.items() if is_kept[name]} for row in whole]


def shift_one(name, values, fill, form, side, width):
    """One list of a row for shift_and_pad."""
    is_target = name in ("labels", "loss_mask")
    if form == "cut":
        values = values[1:] if is_target else values[:-1]
    elif form == "keep" and is_target:
        values = [*values[1:], fill]
    pads = [fill] * (width - len(values))
    values = values + pads if side == "right" else pads + values
    if form == "late":
        values = values[1:] if is_target else values[:-1]
    return values
