"""What planted faults do to a trained model, as one table.

Every fault is planted while the model trains, and removed before it is judged: faults of the batch
or the mask would change the evaluation, too.
"""

from dataclasses import replace

import numpy as np

from .. import data, faults, generate, model, recording, train
from .. import tokenizer as tokenizers
from . import grid, statistics, worlds

STEPS = 300
CAP = 8  # tokens of a greedy answer
N_ANSWERS, N_PROMPTS = 128, 64  # greedy answers, and texts sampled from <bos>, of each model
RECENT = 20  # steps whose mean is the train loss
CASES = {  # label: (fault, prompt-loss weight)
    "correct mask": (None, 0.0),
    "prompt weight 0.1": (None, 0.1),
    "full: mask not applied": ("mask_not_applied", 0.0),
    "EOS masked": ("eos_masked", 0.0),
    "mask one late": ("mask_one_late", 0.0),
    "mask one early": ("mask_one_early", 0.0),
    "mask inverted": ("mask_inverted", 0.0),
    "targets not shifted": ("not_shifted", 0.0),
    "targets shifted twice": ("shifted_twice", 0.0),
    "pads in the loss": ("pads_in_the_loss", 0.0),
    "half the markers missing": ("marker_not_found", 0.0),
    "divided by all places": ("denominator_counts_all", 0.0),
}
QUICK_CASES = ("correct mask", "full: mask not applied", "EOS masked", "mask one late", "mask inverted")
COLUMNS = {  # measure: (heading, digits)
    "train_loss": ("train\nloss", 3),
    "accuracy": ("answer\naccuracy", 2),
    "stops": ("stops", 2),
    "length": ("tokens\nwritten", 1),
    "valid": ("valid\nprompts", 2),
    "answer_nll": ("NLL\nanswer", 2),
    "eos_nll": ("NLL\n<eos>", 2),
    "prompt_nll": ("NLL\nprompt", 2),
}
ALT = (
    "A table with one row for each fault, sorted by training loss, and columns for training loss, answer "
    "accuracy, share of answers that stop, tokens written, valid prompts sampled from <bos>, negative "
    "log-likelihood of answer, <eos> and prompt, and a greedy sample. Poor accuracy and missing stops are "
    "shaded."
)


def compute(seeds, workers=0, report=None, steps=None, quick=False):
    """Every measure of COLUMNS for every case and seed, and the first seed's greedy sample."""
    steps = grid.choose_steps(steps, quick, STEPS)
    cases = QUICK_CASES if quick else tuple(CASES)
    outcomes = grid.run_points(run_case, [(case,) for case in cases], seeds, steps, workers, report)
    task = worlds.make_scratch_task()

    def collect_seeds(case):
        return {key: [grid.round_number(outcomes[case, seed][key]) for seed in seeds] for key in COLUMNS}

    return {
        **grid.describe_run(task, seeds, steps),
        "cap": CAP,
        "answers": N_ANSWERS,
        "sampled": N_PROMPTS,
        "prompt": task.prompts[1],
        "faults": {case: CASES[case][0] for case in cases},
        "cases": {case: collect_seeds(case) for case in cases},
        "samples": {case: outcomes[case, seeds[0]]["sample"] for case in cases},
    }


def run_case(case, seed, steps):
    """Train with the fault of one case; judge without it."""
    params, loss = train_with_fault(*CASES[case], seed, steps)
    task = worlds.make_scratch_task()
    params, config = add_positions(params, task.config, CAP)
    judged = {**measure_likelihoods(params, config, task), **measure_behaviour(params, config, task, seed)}
    return {"train_loss": loss, **judged}


def train_with_fault(fault, prompt_weight, seed, steps):
    """(params, mean loss of the last steps); everything from the encoding on has the fault."""
    zoo, task = worlds.load_zoo(), worlds.make_scratch_task()
    settings = replace(grid.set_steps(task, steps).settings, prompt_weight=prompt_weight, seed=seed)
    with faults.plant(fault):
        rows = data.encode_all(zoo.train, zoo.tokenizer)
        params = model.init(task.config, np.random.default_rng(seed))
        with recording("train.train_step") as losses:
            params, _ = train.train(params, task.config, rows, rows[:1], settings)
    return params, float(np.mean(losses[-RECENT:]))


def add_positions(params, config, n_more):
    """The same model with more positions, of new random rows: those never trained on were random, too.

    Long prompts would otherwise leave no room for an answer that does not stop.
    """
    rows = params["wpe"]["weight"]
    more = np.random.default_rng(0).normal(0, 0.02, (n_more, config.n_embd)).astype(rows.dtype)
    weight = np.concatenate([rows, more])
    return {**params, "wpe": {"weight": weight}}, replace(config, n_positions=len(weight))


def measure_likelihoods(params, config, task):
    """NLL of answers, of <eos> and of prompts, and how often the answer is the first choice."""
    parts = {"answer_nll": data.RESPONSE, "eos_nll": data.EOS, "prompt_nll": data.PROMPT}
    nlls = {
        key: grid.measure_nll(params, config, task.held_out, lambda roles, role=role: (roles == role) * 1.0)
        for key, role in parts.items()
    }
    batch = data.collate(task.held_out)
    logits, _ = model.forward(params, batch.ids, config)
    hits = (logits.argmax(axis=-1) == batch.targets)[batch.roles == data.RESPONSE]
    return {**nlls, "accuracy": hits.mean()}


def measure_behaviour(params, config, task, seed):
    """What the model writes: greedy answers, and texts sampled from <bos>."""
    prompts = [row.tokens[: (row.roles <= data.PROMPT).sum()] for row in task.held_out[:N_ANSWERS]]
    answers = [generate.generate(params, config, ids, CAP) for ids in prompts]
    rng = np.random.default_rng(seed)
    return {
        "stops": np.mean([ids[-1] == tokenizers.EOS_ID for ids in answers]),
        "length": np.mean([len(ids) for ids in answers]),
        "valid": np.mean([writes_a_prompt(params, config, task, rng) for _ in range(N_PROMPTS)]),
        "sample": task.tokenizer.decode(answers[0]),
    }


def writes_a_prompt(params, config, task, rng):
    """Whether a text sampled from <bos> begins with a whole prompt of the zoo."""
    ids = generate.generate(params, config, [tokenizers.BOS_ID], task.config.n_positions, 1.0, rng=rng)
    return bool(worlds.compile_prompt_pattern().match(task.tokenizer.decode(ids)))


def sort_by_train_loss(result):
    """Labels, the lowest mean training loss first."""
    cases = result["cases"]
    return sorted(cases, key=lambda case: statistics.average(cases[case]["train_loss"]))


def caption(result):
    """Whose training loss is lowest, and how many of the lower ones are worse than the right mask."""
    cases, order = result["cases"], sort_by_train_loss(result)
    right, first = cases["correct mask"], cases[order[0]]
    lower = order[: order.index("correct mask")]
    worse = [case for case in lower if is_worse(cases[case], right)]
    rows = "row" if len(lower) == 1 else "rows"
    return (
        f"{choose_takeaway(result)} Trained for {result['settings']['steps']} steps with a fault planted, "
        f"judged without it, {statistics.describe_seeds(result['seeds'])}. The lowest training loss, "
        f"{statistics.format_spread(first['train_loss'])}, belongs to '{order[0]}', with answer accuracy "
        f"{statistics.format_spread(first['accuracy'])}{note_lowest(cases, first)} (correct mask: loss "
        f"{statistics.format_spread(right['train_loss'])}, accuracy "
        f"{statistics.format_spread(right['accuracy'])}). Of the {len(lower)} {rows} with a lower training "
        f"loss, {len(worse)} answer or stop clearly worse: losses over different targets do not compare."
        f"{describe_endless(cases)}{describe_denominator(cases)}"
    )


def choose_takeaway(result):
    """What the lowest training loss is worth."""
    lowest = sort_by_train_loss(result)[0]
    if lowest == "correct mask":
        return "Here the correct mask has the lowest training loss."
    if is_worse(result["cases"][lowest], result["cases"]["correct mask"]):
        return (
            "A low training loss does not make a good model: "
            f"'{lowest}' has the lowest, and answers or stops clearly worse."
        )
    return f"'{lowest}' has the lowest training loss, and is not clearly worse than the correct mask."


def note_lowest(cases, case):
    """That no accuracy is below that of `case`, and how many share it; "" if one is."""
    accuracies = [statistics.average(other["accuracy"]) for other in cases.values()]
    lowest = min(accuracies)
    if statistics.average(case["accuracy"]) != lowest:
        return ""
    ties = accuracies.count(lowest) - 1
    return f", the lowest with {ties} others" if ties else ", the lowest"


def describe_endless(cases):
    """Which rows answer more questions rightly than the correct mask, and do not stop."""
    right = cases["correct mask"]
    endless = []
    for name, case in cases.items():
        gap = statistics.pair_by_seed(case["accuracy"], right["accuracy"])
        if gap.is_clearly_above() and statistics.average(case["stops"]) < 0.5:
            endless.append(f"'{name}' ({statistics.average(case['accuracy']):.2f})")
    if not endless:
        return ""
    return f" Right more often than with the correct mask, but without an end: {', '.join(endless)}."


def describe_denominator(cases):
    """What dividing by all places does to the loss, and to the model."""
    name = "divided by all places"
    if name not in cases:
        return ""
    right, wrong = cases["correct mask"], cases[name]
    share = statistics.average(wrong["train_loss"]) / statistics.average(right["train_loss"])
    lead = statistics.describe_lead(wrong["accuracy"], right["accuracy"], f"'{name}'", "the correct mask")
    return f" Dividing by all places shrinks the loss to {share:.2f} of it; under Adam, in accuracy, {lead}."


def is_worse(case, right):
    """Clearly fewer right answers, or fewer that stop, than with the correct mask."""
    gaps = [statistics.pair_by_seed(case[key], right[key]) for key in ("accuracy", "stops")]
    return any(gap.is_clearly_below() for gap in gaps)


def draw(result):
    """A table: one line a case; accuracy and stops are shaded where they are poor."""
    from . import fault_table  # matplotlib, only where something is drawn

    return fault_table.draw(result, sort_by_train_loss(result), COLUMNS)
