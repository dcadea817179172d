"""How often the diagnosis is right: every known fault, planted in random pipelines, and its name."""

from collections import Counter

import numpy as np

from .. import diagnose, faults, model
from .. import tokenizer as tokenizers
from . import processes

N_PIPELINES, QUICK_PIPELINES = 2, 1  # per seed: 10 seeds are 20 pipelines
VIEWS = {"loss and dlogits": True, "the loss alone": False}  # whether the step returns dlogits
KINDS = ("rows", "turns", "packing")
HEALTHY = "healthy"
PLANTED = (*faults.FAULTS, *(f"{HEALTHY}, {kind}" for kind in KINDS))
LETTERS = "abcdefghijklmnopqrstuvwxyz"
ALT = (
    "Two tables side by side, one with the loss and dlogits seen, one with the loss alone. A line is what "
    "was planted, a column what the diagnosis called it; nearly all counts stand on the diagonal. With the "
    "loss alone, two faults of the gradient are called healthy."
)


# ---------------------------------------------------------------- random pipelines


def draw_pipeline(seed, shown_by="rows"):
    """A random pipeline: (examples, tokenizer, params, config).

    2 to 6 examples with prompts of 2 to 24 letters and answers of 1 to 8, no two of one length, or
    conversations of one to three short turns, every third with a tool; models of 1 or 2 layers, 8 to 32
    channels, single or double precision, weights of std .02 to .5.
    """
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 7))
    answer_lengths = iter([*rng.permutation(np.arange(1, 9)), *rng.integers(1, 9, 40)])
    has_turns = shown_by == "turns"
    longest = 6 if has_turns else int(rng.choice([8, 24]))

    def draw_pair():
        return draw_text(rng, rng.integers(2, longest + 1)), draw_text(rng, next(answer_lengths))

    tokenizer = tokenizers.build("char", [LETTERS], markers=has_turns)
    examples = [draw_conversation(draw_pair, k) if has_turns else draw_pair() for k in range(n)]
    sizes = int(rng.integers(1, 3)), int(rng.choice([1, 2, 4])), int(rng.choice([8, 16, 32]))
    config = model.Config(len(tokenizer.vocab), 160 if has_turns else 80, *sizes)
    dtype = np.float32 if rng.random() < 0.5 else np.float64
    params = model.init(config, rng, float(rng.choice([0.02, 0.1, 0.5])), dtype)
    return examples, tokenizer, params, config


def draw_conversation(draw_pair, number):
    """Messages of a user and an assistant, one to three times; in every third, the assistant calls a tool."""
    messages = []
    for _ in range(number % 3 + 1):
        question, answer = draw_pair()
        messages.append({"role": "user", "content": question})
        if number % 3 == 0:
            messages.append({"role": "assistant", "content": answer[::-1]})
            messages.append({"role": "tool", "content": question[::-1] + answer})
        messages.append({"role": "assistant", "content": answer})
    return {"messages": messages}


def draw_text(rng, n):
    """Random text of n letters."""
    return "".join(rng.choice(list(LETTERS), int(n)))


# ---------------------------------------------------------------- what the diagnosis calls them


def name_fault(planted, seed, has_dlogits=True):
    """What the diagnosis calls one of PLANTED in the random pipeline `seed`: a fault's name, or HEALTHY."""
    fault, _, kind = planted.partition(", ")
    kind = kind or faults.FAULTS[fault].shown_by
    examples, tokenizer, params, config = draw_pipeline(seed, kind)
    with faults.plant(None if fault == HEALTHY else fault):
        make_batch, step, encode = diagnose.make_own_pipeline(
            tokenizer, params, config, gradient=has_dlogits, packed=kind == "packing"
        )
        said = {"generation_prompt": [tokenizer.marker("assistant")]} if kind == "turns" else {}
        return diagnose.pipeline(make_batch, step, examples, encode, **said).fault or HEALTHY


def count_names(planted, view, pipelines):
    """{name: how often} that one of PLANTED is called in the random pipelines."""
    return dict(Counter(name_fault(planted, seed, VIEWS[view]) for seed in pipelines))


def compute(seeds, workers=0, report=None, steps=None, quick=False):
    """Counts {view: {planted: {name: how often}}}; `steps` has no meaning here."""
    pipelines = [n for seed in seeds for n in range(N_PIPELINES * seed, N_PIPELINES * (seed + 1))]
    pipelines = pipelines[:: N_PIPELINES // QUICK_PIPELINES] if quick else pipelines
    jobs = [(planted, view, tuple(pipelines)) for planted in PLANTED for view in VIEWS]
    done = processes.run_all(count_names, jobs, workers, report)
    return {
        "pipelines": pipelines,
        "seeds": list(seeds),
        "counts": {
            view: {planted: done[planted, view, tuple(pipelines)] for planted in PLANTED} for view in VIEWS
        },
    }


# ---------------------------------------------------------------- caption and figure


def count_right(counts):
    """(planted faults named rightly, planted, healthy pipelines accused, healthy pipelines)."""
    hits = total = accused = healthy = 0
    for planted, names in counts.items():
        n = sum(names.values())
        if planted.startswith(HEALTHY):
            healthy += n
            accused += n - names.get(HEALTHY, 0)
        else:
            total += n
            hits += names.get(planted, 0)
    return hits, total, accused, healthy


def list_missed(counts):
    """The faults that were not always named, with how often they were, as text."""
    missed = [
        f"{fault} (named in {names.get(fault, 0)} of {sum(names.values())})"
        for fault, names in counts.items()
        if not fault.startswith(HEALTHY) and names.get(fault, 0) < sum(names.values())
    ]
    return ", ".join(missed) or "none"


def caption(result):
    """How many were named rightly in each view, what was missed, and false alarms."""
    both, alone = (result["counts"][view] for view in VIEWS)
    hits, total, accused, healthy = count_right(both)
    hits_alone, total_alone, accused_alone, healthy_alone = count_right(alone)
    return (
        f"From loss and dlogits the diagnosis names {hits} of {total} planted faults; from the loss alone, "
        f"{hits_alone} of {total_alone}. "
        f"Each of {len(faults.FAULTS)} faults is planted in {len(result['pipelines'])} random pipelines of "
        f"minilm's own. Missed with dlogits: {list_missed(both)}. Missed without: {list_missed(alone)}. "
        f"False alarms with dlogits: {accused} of {healthy} healthy pipelines; without: {accused_alone} of "
        f"{healthy_alone}. The diagnosis was written for these faults; others it can only call different, or "
        "miss. Other people's pipelines are not counted here."
    )


def draw(result):
    """Two tables of counts with one order of names."""
    from . import plots  # matplotlib, only where something is drawn

    first = next(iter(result["counts"].values()))
    columns = [planted for planted in first if planted in faults.FAULTS] + [HEALTHY]
    names = {name for counts in result["counts"].values() for row in counts.values() for name in row}
    columns += sorted(names - set(columns))
    figure = plots.new_figure(12, 7.8)
    panels = figure.subplots(1, 2, sharey=True)
    for axes, (view, counts) in zip(panels, result["counts"].items(), strict=True):
        axes.set_title(f"seen: {view}", fontsize=plots.FONT + 1)
        draw_table(axes, counts, columns, len(result["pipelines"]))
    panels[0].set_ylabel("planted", fontsize=plots.FONT)
    figure.supxlabel("named", fontsize=plots.FONT)
    return figure


def draw_table(axes, counts, columns, n_pipelines):
    """One view's counts: a line for what was planted, a column for what it was called."""
    table = [[names.get(column, 0) for column in columns] for names in counts.values()]
    axes.imshow(table, cmap="Blues", vmin=0, vmax=1.3 * n_pipelines, aspect="auto")
    axes.set_xticks(range(len(columns)), columns, rotation=90, fontsize=9)
    axes.set_yticks(range(len(counts)), list(counts), fontsize=10)
    for y, line in enumerate(table):
        for x, count in enumerate(line):
            if count:
                shade = "white" if 2 * count > n_pipelines else "black"
                axes.text(x, y, count, ha="center", va="center", fontsize=9, color=shade)
