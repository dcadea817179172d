"""Pipelines in a style that is not minilm's: rows of (token, weight) pairs, a model that is no transformer.

The model is a running mean of embeddings: it reads the whole past and nothing else. No pipeline here
shares a line with the code that is diagnosed.

A set-up is a function rng -> (examples, make_batch); step_of a function MeanModel -> step.
"""

import numpy as np

from minilm import diagnose

V, BOS, EOS, PAD, HEAD_USER, HEAD_BOT, NEWLINE, TOOL = 40, 0, 1, 2, 3, 4, 5, 6


class MeanModel:
    """logits[t] = tanh(mean of the document's embeddings up to t) @ U; pads are not read."""

    def __init__(self, rng, dtype=np.float64, smoothing=0.0):
        self.E = rng.normal(size=(V, 8)).astype(dtype)
        self.U = rng.normal(size=(8, V)).astype(dtype)
        self.smoothing = smoothing

    def log_probs(self, ids, starts):
        T = ids.shape[1]
        document = np.cumsum(starts, axis=1)
        seen = (
            (document[:, :, None] == document[:, None, :]) & (ids != PAD)[:, None, :] & np.tri(T, dtype=bool)
        )
        mean = seen.astype(self.E.dtype) @ self.E[ids] / np.maximum(seen.sum(-1, keepdims=True), 1)
        z = np.tanh(mean.astype(self.E.dtype)) @ self.U
        return z - np.log(np.exp(z).sum(axis=-1, keepdims=True))

    def loss(self, ids, targets, weights, starts=None, mean=True, late=0):
        """Cross-entropy, averaged or summed, and its gradient in the logits; `late` logits too old."""
        if weights.sum() == 0:
            raise ZeroDivisionError("nothing to learn from in this batch")
        logp = self.log_probs(ids, np.arange(ids.shape[1]) == 0 * ids if starts is None else starts)
        wanted = (1 - self.smoothing) * np.eye(V)[np.maximum(targets, 0)] + self.smoothing / V
        w = np.where(targets >= 0, weights, 0.0) / (weights.sum() if mean else 1.0)
        w, wanted = (np.roll(a, -late, axis=1) for a in (w, wanted))
        if late:
            w[:, -late:] = 0
        loss = -(w[..., None] * wanted * logp).sum()
        return loss, (w[..., None] * (np.exp(logp) - wanted)).astype(self.U.dtype)


def pairs(rng, n=4):
    """Examples as ids, of different lengths."""
    sizes = zip(rng.permutation(np.arange(3, 12))[:n], rng.permutation(np.arange(1, 8))[:n], strict=True)
    return [tuple(rng.integers(8, V, k).tolist() for k in size) for size in sizes]


def chats(rng, n=3, tool=False, weights=False):
    """Conversations of one to three turns as ids."""
    out = []
    for k in range(n):
        messages = []
        for _ in range(k + 1):
            messages.append({"role": "user", "content": rng.integers(8, V, rng.integers(2, 6)).tolist()})
            if tool:
                messages.append({"role": "tool", "content": rng.integers(8, V, 4).tolist()})
            reply = {"role": "assistant", "content": rng.integers(8, V, rng.integers(1, 5) + k).tolist()}
            messages.append(reply | ({"weight": 0.5} if weights and k else {}))
        out.append({"messages": messages})
    return out


def plain_row(prompt, response, bos=True, eos=True):
    """[(token, weight), ...]"""
    row = [(BOS, 0)] * bos + [(t, 0) for t in prompt] + [(t, 1) for t in response]
    return row + [(EOS, 1)] * eos


def templated_row(prompt, response):
    row = [(BOS, 0), (HEAD_USER, 0), (NEWLINE, 0)] + [(t, 0) for t in prompt] + [(EOS, 0), (NEWLINE, 0)]
    return row + [(HEAD_BOT, 0), (NEWLINE, 0)] + [(t, 1) for t in response] + [(EOS, 1), (NEWLINE, 0)]


def chat_row(
    messages, weigh=lambda m, k, n: m.get("weight", 1.0) if m["role"] == "assistant" else 0.0, stop=1
):
    """stop: weight of the end-of-turn token relative to its message; None leaves the token out."""
    row, n = [(BOS, 0)], len(messages)
    for k, m in enumerate(messages):
        w = weigh(m, k, n)
        head = {"user": HEAD_USER, "assistant": HEAD_BOT, "tool": TOOL}[m["role"]]
        row += [(head, 0)] + [(t, w) for t in m["content"]]
        if m["role"] == "assistant" and stop is not None:
            row.append((EOS, w * stop))
    return row


def batched(rows, pad=PAD, left=False, length=0, ignore=False):
    """Rows of (token, weight) -> ids, targets, weights, padded."""
    length = max(length, *(len(row) for row in rows), 2)
    filled = []
    for row in rows:
        pads = [(pad, 0)] * (length - len(row))
        filled.append(pads + row if left else row + pads)
    tokens = np.array([[t for t, _ in row] for row in filled])
    weights = np.array([[w for _, w in row] for row in filled], float)
    targets = np.where(weights[:, 1:] > 0, tokens[:, 1:], -100) if ignore else tokens[:, 1:]
    return tokens[:, :-1], targets, weights[:, 1:]


def packed(rows, boundary=0, isolated=True):
    """All rows in one, two to a line, with what the model needs to keep them apart."""
    couples = [rows[k : k + 2] for k in range(0, len(rows), 2)]
    lines = [[pair for row in couple for pair in row] for couple in couples]
    starts = [[t == 0 for row in couple for t in range(len(row))] for couple in couples]
    ids, targets, weights = batched(lines)
    for start in starts:
        if not isolated:
            start[1:] = [False] * (len(start) - 1)
        start += [True] * (ids.shape[1] + 1 - len(start))
    starts_now = np.array(starts)[:, :-1]
    firsts = ids == BOS
    weights[:, :-1] = np.where(firsts[:, 1:], boundary, weights[:, :-1])
    return ids, targets, weights, starts_now


# ---------------------------------------------------------------- set-ups


def in_rows(row=plain_row, collate=batched, **how):
    """A set-up of prompts and answers, a row each."""

    def set_up(rng):
        return pairs(rng), lambda examples: collate([row(*example) for example in examples], **how)

    return set_up


def in_packs(**how):
    """A set-up of prompts and answers, two to a row."""
    return in_rows(collate=packed, **how)


def in_chats(tool=False, weights=False, **how):
    """A set-up of conversations."""

    def set_up(rng):
        examples = chats(rng, tool=tool, weights=weights)
        return examples, lambda chosen: batched([chat_row(e["messages"], **how) for e in chosen])

    return set_up


def with_mask(change, set_up=None):
    """A set-up whose weights are change(weights, targets)."""

    def changed(rng):
        examples, make_batch = (set_up or in_rows())(rng)

        def make_other_batch(chosen):
            ids, targets, weights, *more = make_batch(chosen)
            return ids, targets, change(weights, targets), *more

        return examples, make_other_batch

    return changed


# ---------------------------------------------------------------- the diagnosis of them


BLIND = {
    "gradient_scaled",
    "smoothing_ignores_mask",
    "auxiliary_loss_unmasked",
}  # faults of the gradient alone


def mean_model(seed=0, **how):
    return MeanModel(np.random.default_rng(seed), **how)


def use_loss(model):
    """A right step."""
    return model.loss


def hide_gradient(step):
    """The step as a black box that gives its loss alone."""
    return lambda *batch: step(*batch)[0]


def scale(result, factor):
    """(loss, gradient) times a factor."""
    return result[0] * factor, result[1] * factor


def diagnose_both(set_up, step_of, seed=0, **how):
    """The Reports on a set-up, with the gradient seen and with the loss alone."""
    examples, make_batch = set_up(np.random.default_rng(seed))
    step = step_of(mean_model(seed))
    return [diagnose.pipeline(make_batch, seen, examples, **how) for seen in (step, hide_gradient(step))]


def assert_named(set_up, step_of, name):
    """The fault is named for four seeds, with the gradient seen and, where that can tell, without it."""
    for seed in range(4):
        reports = diagnose_both(set_up, step_of, seed)
        assert reports[0].fault == name, reports[0]
        assert name in BLIND or reports[1].fault == name, reports[1]
