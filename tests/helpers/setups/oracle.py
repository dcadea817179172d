"""Is a set-up right? Told by the rows as they are rendered and by the gradient, without minilm.

The weight of a target is measured by exchanging it: with other targets y', the gradient of the loss in
logits is another one, and g[y'] - g'[y'] = weight / divisor at every place. Nothing else that is in
the loss depends on the target.
"""

import numpy as np

from .draws import read_messages
from .models import V
from .templates import THINK, weigh_message

TOLERANCE = 0.01  # the rounding of gradients in bfloat16 changes a weight by up to 0.4%


def copy_batch(batch):
    """The batch's arrays by name, or by number."""
    items = batch.items() if isinstance(batch, dict) else enumerate(batch)
    return {key: np.array(value) for key, value in items}


def call_step(set_up, batch):
    result = set_up.step(batch) if "labels" in batch else set_up.step(*batch.values())
    return result if isinstance(result, tuple) else (result, None)


def exchange(targets, ignored):
    """Another token in place of each that counts; none becomes 0, which may be the pad."""
    return np.where((targets >= 0) & (targets != ignored), 1 + targets % (V - 1), targets)


def measure(set_up, batch):
    """ids and targets (B, T), and each target's weight / divisor; targets one place ahead."""
    ignored = set_up.meant.get("ignore_index", -100)
    keys = [key for key in ("labels", "shift_labels") if key in batch] if isinstance(batch, dict) else [1]
    batch = copy_batch(batch)
    ids, targets = batch["input_ids" if "labels" in batch else 0], batch[keys[0]]
    other = batch | {key: exchange(batch[key], ignored) for key in keys}
    if "labels" in batch:
        targets = np.concatenate([targets[:, 1:], np.full((len(ids), 1), -100)], axis=1)
    (_, before), (_, after) = call_step(set_up, batch), call_step(set_up, other)
    if before is None:
        return ids, targets, measure_one_by_one(set_up, batch, keys[0])
    place = np.maximum(exchange(targets, ignored), 0)[..., None]
    change = np.take_along_axis(before - after, place, axis=-1)[..., 0]
    return ids, np.where(targets == ignored, -100, targets), np.where(targets >= 0, change, 0.0)


def measure_one_by_one(set_up, batch, key):
    """1 where another target changes the loss, else 0: all that a loss alone can tell without its model."""
    lit = np.zeros(batch[key].shape, bool)
    loss, _ = call_step(set_up, batch)
    for place in zip(*np.nonzero(batch[key] >= 0), strict=True):
        for step in (7, 23, 41):  # a rounded loss shows large changes only
            other = batch[key].copy()
            other[place] = (other[place] + step) % V
            lit[place] |= abs(call_step(set_up, batch | {key: other})[0] - loss) > 1e-6 * abs(loss)
    return np.roll(lit, -1, axis=1) if key == "labels" else lit


def find_rows(ids, targets, rows):
    """Where each row stands: (b, t) of its first token; every row once."""
    found, used = [], np.zeros(ids.shape, bool)
    for row in rows:
        tokens = np.array([piece.token for piece in row])
        places = [
            (b, t)
            for b in range(len(ids))
            for t in range(ids.shape[1] - len(tokens) + 2)
            if (ids[b, t : t + len(tokens) - 1] == tokens[:-1]).all()
            and not used[b, t : t + len(tokens) - 1].any()
            and follows(targets[b, t : t + len(tokens) - 1], tokens[1:])
        ]
        assert places, f"a row of the rendered ones is not in the batch: {tokens}"
        (b, t), n = places[0], len(tokens) - 1
        used[b, t : t + n] = True
        found.append((b, t))
    return found


def follows(targets, tokens):
    return len(targets) == len(tokens) and ((targets == tokens) | (targets == -100)).all()


def allow_weights(row, messages, meant):
    """For each piece the weights that are right: one, or several where the piece is free."""
    prompt = meant.get("prompt_weight", 0.0)
    roles = {"assistant": 1.0} | meant.get("role_weights", {})
    allowed, thinking, left = [], False, []
    for piece in row:
        own = weigh_message(messages[piece.message]) if piece.role == "assistant" else 1.0
        weight = roles.get(piece.role, prompt) * own
        if piece.part == "content" and piece.role == "assistant":
            if allowed and row[len(allowed) - 1].part != "content":
                left = list(meant.get("answer_prefix", ()))
            thinking |= "think" in meant and piece.token == THINK
            weight = meant["think_weight"] if thinking else weight
            thinking &= piece.token not in meant.get("think", ((), ()))[1]
            if left and piece.token == left[0]:
                left, weight = left[1:], 0.0
        if piece.part in ("content", "stop"):
            allowed.append({weight})
        elif "template_weight" in meant and piece.role == "assistant":
            allowed.append({meant["template_weight"]})
        elif "generation_prompt" in meant and piece.role == "assistant" and piece.part in ("header", "think"):
            allowed.append({0.0})
        else:
            allowed.append({0.0, prompt, weight})
    return allowed


def find_factor(set_up, weights, strict):
    """weight = factor * (weight / divisor), told by the first place whose weight is known and not 0."""
    for (b, t), right in strict:
        if right and weights[b, t]:
            return right / weights[b, t]
    return 1.0


def judge_divisor(batch, meant, weights, factor):
    """The divisor is the weights' sum or a number handed over, unless another is meant."""
    numbers = [v for v in (batch.values() if isinstance(batch, dict) else batch) if np.ndim(v) == 0]
    wanted = meant.get("denominator", "weights")
    if wanted == "weights":
        fits = [weights.sum(), 1 / factor, *(n / factor for n in numbers)]
    else:
        fits = [(1.0 if wanted == "sum" else wanted) / factor]
    # labels that are smoothed by 0.137 leave 0.863 of the weight on the target
    return [] if any(abs(fit - f) < TOLERANCE for fit in fits for f in (1.0, 0.863)) else [f"divisor: {fits}"]


def judge(set_up):
    """What is wrong with the whole batch, as sentences; none for a right set-up."""
    batch = set_up.make_batch(set_up.examples)
    ids, targets, weights = measure(set_up, batch)
    rows = set_up.rows(set_up.examples)
    allowed = {}
    for example, row, (b, t) in zip(set_up.examples, rows, find_rows(ids, targets, rows), strict=True):
        messages = read_messages(example, set_up.encode)
        rights = allow_weights(row, messages, set_up.meant)
        allowed |= {(b, t + k - 1): (row[k], rights[k]) for k in range(1, len(row))}
    is_seen = isinstance(call_step(set_up, copy_batch(batch))[1], np.ndarray)
    strict = [(place, next(iter(right))) for place, (_, right) in allowed.items() if len(right) == 1]
    factor = find_factor(set_up, weights, strict) if is_seen else 1.0
    wrong = judge_divisor(batch, set_up.meant, weights, factor) if is_seen else []
    for place, weight in np.ndenumerate(weights * factor):
        piece, right = allowed.get(place, ("no piece", {0.0}))
        right = right if is_seen else {float(w > 0) for w in right}
        if min(abs(weight - w) for w in right) > TOLERANCE:
            wrong.append(f"{place}, {piece}: {weight:.4f}, not {right}")
    return wrong
