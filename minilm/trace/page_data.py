"""The page's numbers as JSON: enough to show every gradient under any loss mask, without a model.

Gradients are linear in the loss mask. So the page gets one recording for every target, with loss
on that target alone, and adds them up. Every array is laid out by position: rows (T, K), where K is
C, 4C, V, H D (q, k, v, mix: head by head) or H T (scores, weights). make_page_data gives

    inputs, vocab    texts (T,), (V,)                 ids         (T,) integers
    is_prompt        (T,) whether a target is prompt  row_weights (T,) the row's own loss weights
    n_head, source   an integer, a sentence (null: a random model)
    about            {name: {axes, up, down}} from the bottom up; up and down count in texts (null: no
                     gradient)
    texts            [{title, formula, notice}]
    functions, code  {name without block: [forward, backward function]}, {function: its source}
    params           {name: rows}, or null if they are too many
    plain            a set of recordings: targets (T,) integers, nll (T,), gram (T, T),
                     values {name: rows}, recordings [t][name] = rows of positions 0 .. t, since
                     target t reaches nothing later
    exchanged        the same with other targets in the prompt; what is equal to plain is left out
    hidden           the same where the answer cannot attend to the prompt
    updates          what one real step does, see updates.take_steps
    training         the strip of figures/strip.json along fine-tuning (null: it is not there)

gram[s][t] is the product of the parameter gradients of the NLLs of targets s and t. A row of exact
zeros is the number 0. Other numbers have 3 significant digits (2 in long examples), so none of them
becomes 0. A text in place of rows names the array beside it that is equal.
"""

import importlib
import inspect
import itertools

import numpy as np

from .. import data, figures, tree
from . import recordings, steps, updates

LARGEST_PAGE = 3_500_000  # numbers: about 15 MB
LARGEST_PARAMS = 150_000  # more of them are left out, and the arithmetic that needs them
CODE = {  # which function makes a value on the way up, and its gradient on the way down
    "wte": ("layers.embedding_forward", "model.attn_block_backward"),
    "wpe": ("layers.embedding_forward", "model.attn_block_backward"),
    "x": ("model.forward", "model.attn_block_backward"),
    "ln_1": ("layers.layer_norm_forward", "layers.linear_backward"),
    "attn.q": ("layers.linear_forward", "layers.scores_backward"),
    "attn.k": ("layers.linear_forward", "layers.scores_backward"),
    "attn.v": ("layers.linear_forward", "layers.mix_backward"),
    "attn.scores": ("layers.scores_forward", "layers.causal_softmax_backward"),
    "attn.weights": ("layers.causal_softmax_forward", "layers.mix_backward"),
    "attn.mix": ("layers.mix_forward", "layers.linear_backward"),
    "attn.c_proj": ("layers.linear_forward", "model.mlp_block_backward"),
    "attn.x": ("model.attn_block_forward", "model.mlp_block_backward"),
    "ln_2": ("layers.layer_norm_forward", "layers.linear_backward"),
    "mlp.c_fc": ("layers.linear_forward", "layers.gelu_backward"),
    "mlp.gelu": ("layers.gelu_forward", "layers.linear_backward"),
    "mlp.c_proj": ("layers.linear_forward", "model.attn_block_backward"),
    "mlp.x": ("model.mlp_block_forward", "model.attn_block_backward"),
    "ln_f": ("layers.layer_norm_forward", "layers.linear_backward"),
    "logits": ("layers.linear_forward", "losses.token_nll_backward"),
    "probs": ("losses.token_nll_forward", None),
    "nll": ("losses.token_nll_forward", "losses.weighted_mean_backward"),
}

SUM = {  # the way down of what was added to the residual stream
    "title": "sum",
    "formula": "the gradient of a sum, handed on to each of its parts",
    "notice": "A sum hands its gradient on unchanged.",
}


def load_training():
    """The main experiment's strip along fine-tuning, or None where the repository's figures are not there."""
    if not (figures.FIGURES / "strip.json").is_file():
        return None
    strip = figures.load_result("strip")["strip"]
    keys = ("step", "sample", "probs", "guesses")
    course = {
        loss: [{key: entry[key] for key in keys} for entry in strip["course"][loss]] for loss in ("0", "1")
    }
    return {"tokens": strip["tokens"], "is_answer": strip["is_answer"], "course": course}


def make_page_data(trace, source=None):
    """A dict for JSON, see above; `source` says where the parameters come from (None: random).

    Raises ValueError if the model is too large for a page, or computes a number that is not finite.
    """
    batch = trace.batch
    check_size(trace)
    plain = recordings.record_set(trace, batch)
    hidden = recordings.record_hidden(trace, batch)
    exchanged = recordings.record_set(trace, batch._replace(targets=recordings.exchange_targets(batch)))
    digits = 3 if len(trace.inputs) <= 12 else 2
    about, texts = describe_names(trace.config.n_layer)
    few = tree.count(trace.params) <= LARGEST_PARAMS
    return {
        "inputs": trace.inputs,
        "vocab": [trace.tokenizer.show(i) for i in range(trace.config.vocab_size)],
        "ids": batch.ids[0].tolist(),
        "is_prompt": (data.prompt_mask(batch.roles)[0] > 0).tolist(),
        "row_weights": batch.weights[0].tolist(),
        "n_head": trace.config.n_head,
        "source": source,
        "about": about,
        "texts": texts,
        "functions": CODE,
        "code": {name: read_code(name) for pair in CODE.values() for name in pair if name},
        "params": {n: write_rows(np.atleast_2d(a), 3) for n, a in tree.named(trace.params)} if few else None,
        "plain": write_set(plain, digits),
        "exchanged": write_set(exchanged, digits, plain),
        "hidden": write_set(hidden, digits, plain),
        "updates": updates.take_steps(trace.params, batch, trace.config),
        "training": None,
    }


def check_size(trace):
    """Raise ValueError if the page would be slow: too many numbers, or one that is not finite."""
    count = sum(array.size for array in trace.values.values()) * len(trace.inputs)
    if count > LARGEST_PAGE:
        raise ValueError(
            f"the page would hold about {count / 1e6:.1f} million numbers, more than "
            f"{LARGEST_PAGE / 1e6:.1f}: give a shorter example or a smaller model, or read the text form"
        )
    for name, array in trace.values.items():
        if not np.isfinite(array).all():
            raise ValueError(f"{name} holds a number that is not finite: the page cannot show this model")


def write_set(numbers, digits, plain=None):
    """A set of recordings for JSON; arrays that are equal in `plain` are left out."""
    old = plain or {"values": {}, "recordings": itertools.repeat({})}
    pairs = zip(numbers["recordings"], old["recordings"], strict=False)
    return {
        "targets": numbers["targets"],
        "nll": write_rows(numbers["nll"][None], 6)[0],
        "gram": write_rows(numbers["gram"], 6),
        "values": write_arrays(numbers["values"], 3, old["values"]),
        "recordings": [write_arrays(recording, digits, before) for recording, before in pairs],
    }


def write_arrays(arrays, digits, old):
    """{name: rows} of the arrays that are not in `old`; a text names an earlier array that is equal."""
    written, seen = {}, {}
    for name, array in arrays.items():
        if not np.array_equal(array, old.get(name)):
            first = seen.setdefault((array.shape, array.tobytes()), name)
            written[name] = write_rows(array, digits) if first == name else first
    return written


def write_rows(array, digits):
    """Nested lists of an array (N, K), rounded to significant digits; a row of exact zeros is 0."""
    return [[shorten(x, digits) for x in row] if any(row) else 0 for row in array.tolist()]


def shorten(x, digits):
    """A number with few significant digits, an integer if it is one: 0.12345 -> 0.123, -0.0 -> 0."""
    short = float(f"{x:.{digits}g}")
    return int(short) if short.is_integer() and abs(short) < 1e9 else short


def describe_names(n_layer):
    """({name: {axes, up, down}} from the bottom up, the list of texts that up and down count)."""
    about, texts = {}, [SUM]
    for _, spec, block, is_backward in steps.list_steps(n_layer):
        text = {"title": spec.title, "formula": spec.formula, "notice": spec.notice}
        for key, axes in spec.arrays.items():
            name = steps.complete_name(key, block, n_layer)
            if get_leaf(name) not in CODE:
                continue
            if text not in texts:
                texts.append(text)
            entry = about.setdefault(name, {"axes": axes, "up": None, "down": 0})
            entry["down" if is_backward else "up"] = texts.index(text)
    about["probs"]["down"] = None
    return about, texts


def get_leaf(name):
    """A name without its block: h.0.attn.q -> attn.q."""
    return name.split(".", 2)[-1] if name.startswith("h.") else name


def read_code(name):
    """The source of a function without its docstring."""
    module, _, function = name.partition(".")
    function = getattr(importlib.import_module(f"minilm.{module}"), function)
    source = inspect.getsource(function)
    if function.__doc__:
        before, _, after = source.split('"""', 2)
        source = before.rstrip() + after
    return source
