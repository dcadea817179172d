"""Answers to the exercises as learners write them: wrong ones, each with what they must be told, and
right ones in other styles than minilm's.

Nothing here calls the exercises' own lists of mistakes. minilm's functions are used only where an
exercise is about putting them together.
"""

import math

import numpy as np

from minilm import layers, model, tree

WRONG = []  # (exercise, function, regular expression of the diagnosis)
RIGHT = []  # (exercise, function)
SLOPE = math.sqrt(2 / math.pi)


def wrong(exercise, diagnosis):
    """Collect a wrong answer to `exercise` that must be answered by `diagnosis`."""

    def collect(function):
        WRONG.append((exercise, function, diagnosis))
        return function

    return collect


def right(exercise):
    """Collect a right answer to `exercise`."""

    def collect(function):
        RIGHT.append((exercise, function))
        return function

    return collect


# ---------------------------------------------------------------- shift


@wrong("shift", r"targets is wrong.*without the shift the model learns to copy")
def same_twice(tokens):
    return tokens[:, :-1], tokens[:, :-1]


@wrong("shift", r"ids is wrong.*exchanged: the model reads token t and predicts t \+ 1")
def shifted_to_the_left(tokens):
    return tokens[:, 1:], tokens[:, :-1]


@wrong("shift", r"ids has shape.*One column too many: the last token has no successor")
def nothing_cut(tokens):
    return tokens, tokens[:, 1:]


@wrong("shift", r"targets has shape.*np.roll keeps the first token, at the end")
def rolled(tokens):
    return tokens[:, :-1], np.roll(tokens, -1, axis=1)


@wrong("shift", r"targets is wrong.*np.roll brings the first token to the end")
def rolled_and_cut(tokens):
    return tokens[:, :-1], np.roll(tokens, -1, axis=1)[:, 1:]


@wrong("shift", r"ids has shape.*the first axis is the batch, write tokens\[:, :-1\]")
def cut_rows(tokens):
    return tokens[:-1], tokens[1:]


@wrong("shift", r"targets has shape.*Shifted twice")
def shifted_twice(tokens):
    ids, targets = tokens[:, :-1], tokens[:, 1:]
    return ids, targets[:, 1:]


@right("shift")
def shift_by_loops(tokens):
    ids, targets = [], []
    for row in tokens:
        ids.append([row[t] for t in range(len(row) - 1)])
        targets.append([row[t + 1] for t in range(len(row) - 1)])
    return ids, targets


@right("shift")
def shift_by_take(tokens):
    places = np.arange(tokens.shape[1] - 1)
    return np.take(tokens, places, axis=1), np.take(tokens, places + 1, axis=1)


# ---------------------------------------------------------------- loss_mask


@wrong("loss_mask", r"one late: the first answer token carries no loss")
def mask_of_the_input(roles):
    return (roles[:, :-1] >= 3).astype(float)


@wrong("loss_mask", r"one early: it lights the last prompt token")
def mask_shifted_twice(roles):
    mask = np.zeros((len(roles), roles.shape[1] - 1))
    answers = roles >= 3
    mask[:, :-1] = answers[:, 2:]
    return mask


@wrong("loss_mask", r"The first answer token is left out")
def mask_by_counting_from_the_prompt(roles):
    mask = np.zeros((len(roles), roles.shape[1] - 1))
    for i, row in enumerate(roles):
        n_prompt = int((row == 1).sum() + (row == 2).sum())
        end = n_prompt + int((row >= 3).sum())
        mask[i, n_prompt : end - 1] = 1
    return mask


@wrong("loss_mask", r"The last prompt token is lit, too")
def mask_by_counting_too_early(roles):
    mask = np.zeros((len(roles), roles.shape[1] - 1))
    for i, row in enumerate(roles):
        first = int(np.argmax(row == 3))
        end = int(np.argmax(row == 4))
        mask[i, first - 2 : end] = 1
    return mask


@wrong("loss_mask", r"<eos> is left out: it belongs to the response")
def mask_without_eos(roles):
    return np.where(roles[:, 1:] == 3, 1.0, 0.0)


@wrong("loss_mask", r"Only <eos> is lit")
def mask_of_eos(roles):
    return np.where(roles[:, 1:] == 4, 1.0, 0.0)


@wrong("loss_mask", r"Inverted: prompt and pads carry loss and answers none")
def mask_inverted(roles):
    return 1.0 - (roles[:, 1:] >= 3)


@wrong("loss_mask", r"Inverted: prompt tokens carry loss and answers none")
def mask_of_the_prompt(roles):
    return (roles[:, 1:] == 2).astype(float)


@wrong("loss_mask", r"This is full-sequence loss: the prompt is not masked")
def mask_of_everything_but_pads(roles):
    return (roles[:, 1:] > 0).astype(float)


@wrong("loss_mask", r"The prompt is not masked, and pads count, too")
def mask_of_ones(roles):
    return np.ones_like(roles[:, 1:], dtype=float)


@wrong("loss_mask", r"Pads are counted")
def mask_of_all_but_the_prompt(roles):
    return (roles[:, 1:] != 2).astype(float)


@wrong("loss_mask", r"One column too many: it is not shifted")
def mask_without_shift(roles):
    return (roles >= 3).astype(float)


@wrong("loss_mask", r"shape \(\d+,\).*Axes are missing")
def mask_of_one_row(roles):
    return (roles[0, 1:] >= 3).astype(float)


@right("loss_mask")
def loss_mask_by_loops(roles):
    mask = np.zeros((roles.shape[0], roles.shape[1] - 1))
    for b in range(mask.shape[0]):
        for t in range(mask.shape[1]):
            if roles[b, t + 1] in (3, 4):
                mask[b, t] = 1
    return mask


@right("loss_mask")
def loss_mask_by_isin(roles):
    return np.isin(roles, [3, 4])[:, 1:].astype(np.float32)


@right("loss_mask")
def loss_mask_as_lists(roles):
    return [[1.0 if role >= 3 else 0.0 for role in row[1:]] for row in roles]


# ---------------------------------------------------------------- log_probs


@wrong("log_probs", r"log P\(x\) is wrong.*It is a mean: log-probabilities of tokens add up")
def log_probs_of_means(nll, roles):
    def one(mask):
        return -(nll * mask).sum(axis=1) / mask.sum(axis=1)

    return one(roles == 2), one(roles >= 3), one(roles >= 2)


@wrong("log_probs", r"log P\(x\) is wrong.*The sign is wrong")
def log_probs_without_minus(nll, roles):
    return (nll * (roles == 2)).sum(1), (nll * (roles >= 3)).sum(1), (nll * (roles >= 2)).sum(1)


@wrong("log_probs", r"log P\(y\|x\) is wrong.*<eos> is left out")
def log_probs_without_eos(nll, roles):
    x, y = -(nll * (roles == 2)).sum(1), -(nll * (roles == 3)).sum(1)
    return x, y, x + y


@wrong("log_probs", r"log P\(x, y\) is wrong.*Pads are counted")
def log_probs_with_pads(nll, roles):
    return -(nll * (roles == 2)).sum(1), -(nll * (roles >= 3)).sum(1), -nll.sum(1)


@wrong("log_probs", r"log P\(x\) has shape.*summed over the whole batch")
def log_probs_of_the_batch(nll, roles):
    return -(nll * (roles == 2)).sum(), -(nll * (roles >= 3)).sum(), -(nll * (roles >= 2)).sum()


@wrong("log_probs", r"values of log P\(y\|x\): the order is log P\(x\), log P\(y\|x\), log P\(x, y\)")
def log_probs_exchanged(nll, roles):
    x, y = -(nll * (roles == 2)).sum(1), -(nll * (roles >= 3)).sum(1)
    return y, x, x + y


@wrong("log_probs", r"log P\(x, y\) is wrong.*Logarithms of a product add up")
def log_probs_multiplied(nll, roles):
    x, y = -(nll * (roles == 2)).sum(1), -(nll * (roles >= 3)).sum(1)
    return x, y, x * y


@wrong("log_probs", r"log P\(y\|x\) is wrong.*the prompt's part must go")
def log_probs_of_the_whole(nll, roles):
    x, both = -(nll * (roles == 2)).sum(1), -(nll * (roles >= 2)).sum(1)
    return x, both, both


@wrong("log_probs", r"This is the probability: return its logarithm")
def probabilities(nll, roles):
    p = np.exp(-nll)
    return tuple(np.where(m, p, 1).prod(axis=1) for m in (roles == 2, roles >= 3, roles >= 2))


@right("log_probs")
def log_probs_by_loops(nll, roles):
    x, y = np.zeros(len(nll)), np.zeros(len(nll))
    for b in range(nll.shape[0]):
        for t in range(nll.shape[1]):
            if roles[b, t] == 2:
                x[b] -= nll[b, t]
            elif roles[b, t] > 2:
                y[b] -= nll[b, t]
    return x, y, x + y


@right("log_probs")
def log_probs_of_products(nll, roles):
    p = np.exp(-nll.astype(float))
    x = np.log(np.where(roles == 2, p, 1).prod(axis=-1))
    y = np.log(np.where(roles >= 3, p, 1).prod(axis=-1))
    return [x, y, x + y]


# ---------------------------------------------------------------- token_nll


@wrong("token_nll", r"not finite: a division by 0, a log of 0, or exp of something large")
def nll_that_overflows(logits, targets):
    probs = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    return -np.log(np.take_along_axis(probs, targets[..., None], axis=-1)[..., 0])


@wrong("token_nll", r"not finite: a division by 0, a log of 0")
def nll_that_underflows(logits, targets):
    e = np.exp(logits - logits.max(-1, keepdims=True))
    probs = e / e.sum(-1, keepdims=True)
    B, T = targets.shape
    return -np.log(probs[np.arange(B)[:, None], np.arange(T), targets])


@wrong("token_nll", r"The minus is missing: a likely token has an NLL near 0")
def nll_without_minus(logits, targets):
    shifted = logits - logits.max(-1, keepdims=True)
    log_probs = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
    return np.take_along_axis(log_probs, targets[..., None], axis=-1)[..., 0]


@wrong("token_nll", r"These are probabilities: take -log")
def nll_without_log(logits, targets):
    e = np.exp(logits - logits.max(-1, keepdims=True))
    return np.take_along_axis(e / e.sum(-1, keepdims=True), targets[..., None], axis=-1)[..., 0]


@wrong("token_nll", r"The softmax runs over the wrong axis")
def nll_over_time(logits, targets):
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    probs = e / e.sum(axis=1, keepdims=True)
    return -np.log(np.take_along_axis(probs, targets[..., None], axis=-1)[..., 0])


@wrong("token_nll", r"It is already averaged: keep one value for each token")
def nll_averaged(logits, targets):
    shifted = logits - logits.max(-1, keepdims=True)
    own = np.take_along_axis(shifted, targets[..., None], axis=-1)[..., 0]
    return (np.log(np.exp(shifted).sum(-1)) - own).mean()


@wrong("token_nll", r"This is minus the target's logit: log\(sum\(exp\(logits\)\)\) is missing")
def nll_of_the_logit(logits, targets):
    B, T, _ = logits.shape
    return -logits[np.arange(B)[:, None], np.arange(T)[None], targets]


@wrong("token_nll", r"NLL of the most likely token: the target's own logit is not used")
def nll_of_the_best(logits, targets):
    shifted = logits - logits.max(-1, keepdims=True)
    return np.log(np.exp(shifted).sum(-1)) - shifted.max(-1)


@wrong("token_nll", r"1\.443 times too large: multiply by ln 2 \(0\.6931\), since a bit is ln 2 nats")
def nll_in_bits(logits, targets):
    shifted = logits - logits.max(-1, keepdims=True)
    own = np.take_along_axis(shifted, targets[..., None], axis=-1)[..., 0]
    return np.log2(np.exp(shifted).sum(-1)) - own / np.log(2)


@right("token_nll")
def nll_by_loops(logits, targets):
    nll = np.zeros(targets.shape)
    for b in range(targets.shape[0]):
        for t in range(targets.shape[1]):
            row = logits[b, t].astype(float)
            top = row.max()
            nll[b, t] = top + math.log(sum(math.exp(z - top) for z in row)) - row[targets[b, t]]
    return nll


@right("token_nll")
def nll_by_onehot(logits, targets):
    onehot = np.eye(logits.shape[-1])[targets]
    return np.logaddexp.reduce(logits, axis=-1) - np.einsum("btv,btv->bt", onehot, logits)


# ---------------------------------------------------------------- token_nll_backward


@wrong("token_nll_backward", r"dnll is not used: it carries the loss mask")
def nll_backward_without_dnll(dnll, cache):
    probs, where = cache
    dlogits = probs.copy()
    dlogits[where] -= 1
    return dlogits, None


@wrong("token_nll_backward", r"The one-hot part is missing")
def nll_backward_of_the_softmax_alone(dnll, cache):
    probs, _ = cache
    return probs * dnll[:, :, None], None


@wrong("token_nll_backward", r"1 is subtracted after the row was multiplied by dnll")
def nll_backward_in_the_wrong_order(dnll, cache):
    probs, where = cache
    dlogits = probs * dnll[..., None]
    dlogits[where] -= 1
    return dlogits, None


@wrong("token_nll_backward", r"The sign is wrong")
def nll_backward_of_the_wrong_sign(dnll, cache):
    probs, where = cache
    onehot = np.zeros_like(probs)
    onehot[where] = 1
    return (onehot - probs) * dnll[..., None], None


@wrong("token_nll_backward", r"The probabilities are missing")
def nll_backward_of_the_target_alone(dnll, cache):
    probs, where = cache
    dlogits = np.zeros_like(probs)
    dlogits[where] = -dnll
    return dlogits, None


@wrong(
    "token_nll_backward",
    r"exactly (\d+) times too small: multiply by the number of targets \(\1\), since dnll",
)
def nll_backward_divided_again(dnll, cache):
    probs, where = cache
    dlogits = probs * dnll[..., None]
    dlogits[where] -= dnll
    return dlogits / dnll.size, None


@wrong("token_nll_backward", r"changes something inside its second argument: work on a copy")
def nll_backward_in_the_cache(dnll, cache):
    probs, where = cache
    probs[where] -= 1
    return probs * dnll[..., None], None


@wrong("token_nll_backward", r"the softmax's derivative at the target; -log cancels one factor")
def nll_backward_of_the_probability(dnll, cache):
    probs, where = cache
    own = probs[where]
    dlogits = probs * own[..., None]
    dlogits[where] -= own
    return dlogits * dnll[..., None], None


@right("token_nll_backward")
def nll_backward_by_loops(dnll, cache):
    probs, where = cache
    targets = where[-1]
    dlogits = np.zeros(probs.shape)
    for b in range(probs.shape[0]):
        for t in range(probs.shape[1]):
            for v in range(probs.shape[2]):
                dlogits[b, t, v] = (probs[b, t, v] - (v == targets[b, t])) * dnll[b, t]
    return dlogits, None


@right("token_nll_backward")
def nll_backward_by_onehot(dnll, cache):
    probs, where = cache
    onehot = np.eye(probs.shape[-1], dtype=probs.dtype)[where[-1]]
    return np.einsum("btv,bt->btv", probs - onehot, dnll), None


@right("token_nll_backward")
def nll_backward_by_jacobians(dnll, cache):
    """-log is -1 / p at the target, and the softmax has the Jacobian diag(p) - p p^T."""
    probs, where = cache
    jacobian = (
        np.einsum("btv,vw->btvw", probs, np.eye(probs.shape[-1])) - probs[..., None] * probs[..., None, :]
    )
    dprobs = np.zeros(probs.shape)
    dprobs[where] = -dnll / probs[where]
    return np.einsum("btv,btvw->btw", dprobs, jacobian), None


# ---------------------------------------------------------------- weighted_mean_backward


@wrong("weighted_mean_backward", r"dloss is not used")
def mean_backward_without_dloss(dloss, cache):
    weights, total = cache
    return weights / total, None


@wrong("weighted_mean_backward", r"times too large: divide by total")
def mean_backward_of_the_sum(dloss, cache):
    weights, _ = cache
    return dloss * weights, None


@wrong("weighted_mean_backward", r"divided by the number of all positions, pads included")
def mean_backward_by_mean(dloss, cache):
    weights, _ = cache
    return dloss * weights / weights.size, None


@wrong("weighted_mean_backward", r"divided by how many weights are not 0: total is their sum")
def mean_backward_by_count(dloss, cache):
    weights, _ = cache
    return dloss * weights / (weights > 0).sum(), None


@wrong("weighted_mean_backward", r"mean of row means: rows with short answers weigh more")
def mean_backward_by_rows(dloss, cache):
    weights, _ = cache
    rows = weights / weights.sum(axis=1, keepdims=True)
    return dloss * rows / len(weights), None


@wrong("weighted_mean_backward", r"The weights are missing: every row would be lit")
def mean_backward_without_weights(dloss, cache):
    weights, total = cache
    return np.full(weights.shape, dloss / total), None


@wrong(
    "weighted_mean_backward", r"times too small: multiply by B \(\d\), since total counts every row's weights"
)
def mean_backward_divided_by_the_batch(dloss, cache):
    weights, total = cache
    return dloss * weights / total / weights.shape[0], None


@right("weighted_mean_backward")
def mean_backward_by_loops(dloss, cache):
    weights, _ = cache
    total = sum(sum(float(w) for w in row) for row in weights)
    dnll = np.zeros(weights.shape)
    for place in np.ndindex(weights.shape):
        dnll[place] = dloss * weights[place] / total
    return dnll, None


@right("weighted_mean_backward")
def mean_backward_by_differences(dloss, cache):
    """The loss is linear in nll, so raising one entry from 0 to 1 gives its derivative."""
    weights, total = cache
    unit = np.eye(weights.size).reshape(weights.size, *weights.shape)
    return ((unit * weights).sum(axis=(1, 2)) / total * dloss).reshape(weights.shape), None


# ---------------------------------------------------------------- denominators


@wrong("denominators", r"of the sum is wrong.*full-sequence loss: prompt targets must be 0")
def denominators_of_all(response, target):
    return target, target / target.sum(), target / target.sum()


@wrong("denominators", r"over answers is wrong.*times too large: divide by the number of response targets")
def denominators_forgotten(response, target):
    return response, response, response / target.sum()


@wrong(
    "denominators", r"mean over answers is wrong.*values of dnll of the mean over everything: the order is"
)
def denominators_exchanged(response, target):
    return response, response / target.sum(), response / response.sum()


@wrong("denominators", r"over answers is wrong.*mean of row means")
def denominators_by_rows(response, target):
    rows = response / response.sum(axis=1, keepdims=True)
    return response, rows / rows.shape[0], response / target.sum()


@wrong("denominators", r"over answers is wrong.*all positions, pads included: divide by response.sum\(\)")
def denominators_by_np_mean(response, target):
    return response, response / response.size, response / target.sum()


@wrong("denominators", r"over everything is wrong.*pads are no targets, use target.sum\(\)")
def denominators_with_pads(response, target):
    return response, response / response.sum(), response / target.size


@wrong("denominators", r"over everything is wrong.*Prompt targets are lit")
def denominators_with_a_lit_prompt(response, target):
    return response, response / response.sum(), target / target.sum()


@wrong("denominators", r"of the sum has shape \(\), not.*Axes are missing")
def denominators_as_numbers(response, target):
    return response.sum(), 1 / response.sum(), 1 / target.sum()


@right("denominators")
def denominators_by_loops(response, target):
    n_response = n_target = 0
    for place in np.ndindex(response.shape):
        n_response += response[place] == 1
        n_target += target[place] == 1
    lists = response.tolist()
    return (
        lists,
        [[w / n_response for w in row] for row in lists],
        [[w / n_target for w in row] for row in lists],
    )


@right("denominators")
def denominators_by_where(response, target):
    lit = response > 0
    return [np.where(lit, 1.0 / n, 0.0) for n in (1, np.count_nonzero(lit), np.count_nonzero(target))]


# ---------------------------------------------------------------- linear_backward


@wrong("linear_backward", r"dweight has shape.*It is transposed: \[in, out\]")
def linear_dweight_transposed(dy, cache):
    x, weight, _ = cache
    rows, drows = x.reshape(-1, x.shape[-1]), dy.reshape(-1, dy.shape[-1])
    return dy @ weight.T, drows.T @ rows, drows.sum(0)


@wrong("linear_backward", r"dbias has shape.*summed over the channels: sum over the rows")
def linear_dbias_over_channels(dy, cache):
    x, weight, _ = cache
    return dy @ weight.T, np.einsum("btc,btk->ck", x, dy), dy.sum(axis=-1)


@wrong("linear_backward", r"dbias has shape.*summed over the batch only")
def linear_dbias_over_the_batch(dy, cache):
    x, weight, _ = cache
    return dy @ weight.T, np.einsum("btc,btk->ck", x, dy), dy.sum(axis=0)


@wrong("linear_backward", r"dweight has shape.*not yet summed over the batch")
def linear_dweight_per_example(dy, cache):
    x, weight, _ = cache
    return dy @ weight.T, x.transpose(0, 2, 1) @ dy, dy.sum(axis=(0, 1))


@wrong(
    "linear_backward",
    r"dweight is wrong.*exactly (\d+) times too small: multiply by the number of rows B T \(\1\)",
)
def linear_dweight_mean(dy, cache):
    x, weight, _ = cache
    rows, drows = x.reshape(-1, x.shape[-1]), dy.reshape(-1, dy.shape[-1])
    return dy @ weight.T, rows.T @ drows / len(rows), drows.mean(0)


@wrong("linear_backward", r"dbias is wrong.*exactly (\d+) times too small: multiply by B \(\1\)")
def linear_dbias_mean_over_the_batch(dy, cache):
    x, weight, _ = cache
    return dy @ weight.T, np.einsum("btc,btk->ck", x, dy), dy.mean(0).sum(0)


@wrong("linear_backward", r"dx is wrong.*The sign is wrong")
def linear_dx_sign(dy, cache):
    x, weight, _ = cache
    return -dy @ weight.T, np.einsum("btc,btk->ck", x, dy), dy.sum(axis=(0, 1))


@wrong(
    "linear_backward",
    r"raises ValueError in line \d+, `dx = dy @ weight`: .*in: \(6, 5, 2\), \[\(6, 5, 3\), \(3, 2\), bool\]",
)
def linear_dx_without_transpose(dy, cache):
    x, weight, _ = cache
    dx = dy @ weight
    return dx, x.T @ dy, dy.sum(0)


@wrong("linear_backward", r"dx has shape.*the forward's product: dx is made of dy, not of x")
def linear_x_for_dy(dy, cache):
    x, weight, _ = cache
    return x @ weight, np.einsum("btc,btk->ck", x, dy), dy.sum(axis=(0, 1))


@wrong("linear_backward", r"dx has shape.*The numbers are right: reshape them to \(\d, \d, \d\)")
def linear_dx_flat(dy, cache):
    x, weight, _ = cache
    rows, drows = x.reshape(-1, x.shape[-1]), dy.reshape(-1, dy.shape[-1])
    return drows @ weight.T, rows.T @ drows, drows.sum(0)


@wrong("linear_backward", r"dbias has shape \(1, \d\), not \(\d,\)\. The numbers are right: reshape")
def linear_dbias_keepdims(dy, cache):
    x, weight, _ = cache
    rows, drows = x.reshape(-1, x.shape[-1]), dy.reshape(-1, dy.shape[-1])
    return dy @ weight.T, rows.T @ drows, drows.sum(0, keepdims=True)


@wrong("linear_backward", r"dbias has shape.*not yet summed over the leading axes")
def linear_dbias_unsummed(dy, cache):
    x, weight, _ = cache
    return dy @ weight.T, np.einsum("btc,btk->ck", x, dy), dy


@wrong("linear_backward", r"returns 2 values, not 3: return the tuple \(dx, dweight, dbias\)")
def linear_without_dbias(dy, cache):
    x, weight, _ = cache
    return dy @ weight.T, np.einsum("btc,btk->ck", x, dy)


@right("linear_backward")
def linear_by_einsum(dy, cache):
    x, weight, _ = cache
    return (
        np.einsum("btk,ck->btc", dy, weight),
        np.einsum("btc,btk->ck", x, dy),
        np.einsum("btk->k", dy),
    )


@right("linear_backward")
def linear_by_loops(dy, cache):
    x, weight, _ = cache
    B, T, C = x.shape
    dx, dweight, dbias = np.zeros((B, T, C)), np.zeros(weight.shape), np.zeros(weight.shape[1])
    for b in range(B):
        for t in range(T):
            dx[b, t] = weight @ dy[b, t]
            dweight += np.outer(x[b, t], dy[b, t])
            dbias += dy[b, t]
    return dx, dweight, dbias


@right("linear_backward")
def linear_by_tensordot(dy, cache):
    x, weight, has_bias = cache
    dweight = np.tensordot(x, dy, axes=([0, 1], [0, 1]))
    return [
        dy.dot(weight.T),
        dweight,
        np.ones(dy[..., 0].size) @ dy.reshape(-1, dy.shape[-1]) if has_bias else None,
    ]


# ---------------------------------------------------------------- gelu_backward


@wrong("gelu_backward", r"dy is not used: multiply by what comes from above")
def gelu_without_dy(dy, cache):
    x, t = cache
    du = SLOPE * (1 + 3 * 0.044715 * x**2)
    return (0.5 * (1 + t) + 0.5 * x * (1 - t**2) * du,)


@wrong("gelu_backward", r"the second term, through tanh\(u\), is missing")
def gelu_first_term(dy, cache):
    _, t = cache
    return (dy * (1 + t) / 2,)


@wrong("gelu_backward", r"u' lacks sqrt\(2 / pi\)")
def gelu_without_slope(dy, cache):
    x, t = cache
    du = 1 + 3 * 0.044715 * x**2
    return (dy * (0.5 * (1 + t) + 0.5 * x * (1 - t**2) * du),)


@wrong("gelu_backward", r"the 3 is missing in u'")
def gelu_without_three(dy, cache):
    x, t = cache
    du = SLOPE * (1 + 0.044715 * x**2)
    return (dy * (0.5 * (1 + t) + 0.5 * x * (1 - t**2) * du),)


@wrong("gelu_backward", r"The derivative of tanh\(u\) is 1 - tanh\(u\)\^2")
def gelu_tanh_derivative(dy, cache):
    x, t = cache
    du = SLOPE * (1 + 3 * 0.044715 * x**2)
    return (dy * (0.5 * (1 + t) + 0.5 * x * (1 - t) * du),)


@wrong("gelu_backward", r"The second term lacks its 1/2")
def gelu_without_half(dy, cache):
    x, t = cache
    du = SLOPE * (1 + 3 * 0.044715 * x**2)
    return (dy * (0.5 * (1 + t) + x * (1 - t**2) * du),)


@wrong("gelu_backward", r"The second term lacks its factor x")
def gelu_without_x(dy, cache):
    x, t = cache
    du = SLOPE * (1 + 3 * 0.044715 * x**2)
    return (dy * (0.5 * (1 + t) + 0.5 * (1 - t**2) * du),)


@wrong("gelu_backward", r"u' is missing: the chain rule goes on inside tanh")
def gelu_without_du(dy, cache):
    x, t = cache
    return (dy * (0.5 * (1 + t) + 0.5 * x * (1 - t**2)),)


@wrong("gelu_backward", r"exactly 2 times too large in every case: a constant factor")
def gelu_doubled(dy, cache):
    x, t = cache
    du = SLOPE * (1 + 3 * 0.044715 * x**2)
    return (dy * (1 + t + x * (1 - t**2) * du),)


@wrong("gelu_backward", r"nearly right: an approximation")
def gelu_of_the_exact_form(dy, cache):
    x, _ = cache
    phi = np.exp(-x * x / 2) / math.sqrt(2 * math.pi)
    cdf = 0.5 * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))
    return (dy * (cdf + x * phi),)


@wrong("gelu_backward", r"returns an array, not the tuple \(dx,\)")
def gelu_without_a_tuple(dy, cache):
    x, t = cache
    du = SLOPE * (1 + 3 * 0.044715 * x**2)
    return dy * (0.5 * (1 + t) + 0.5 * x * (1 - t**2) * du)


@right("gelu_backward")
def gelu_by_loops(dy, cache):
    x, _ = cache
    dx = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        z = float(x[i])
        u = SLOPE * (z + 0.044715 * z**3)
        sech = 1 / math.cosh(u)
        dx[i] = dy[i] * ((1 + math.tanh(u)) / 2 + z / 2 * sech**2 * SLOPE * (1 + 0.134145 * z**2))
    return (dx,)


@right("gelu_backward")
def gelu_by_complex_step(dy, cache):
    x = cache[0] + 1e-20j
    y = 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))
    return [dy * y.imag / 1e-20]


# ---------------------------------------------------------------- layer_norm_backward


def norm_rest(dy, xhat):
    return (dy * xhat).sum(axis=(0, 1)), dy.sum(axis=(0, 1))


@wrong("layer_norm_backward", r"dx is wrong.*The gradient through the mean is missing")
def norm_without_mean(dy, cache):
    xhat, inv_std, weight = cache
    g = dy * weight
    return inv_std * (g - xhat * (g * xhat).mean(-1, keepdims=True)), *norm_rest(dy, xhat)


@wrong("layer_norm_backward", r"dx is wrong.*The gradient through the variance is missing")
def norm_without_variance(dy, cache):
    xhat, inv_std, weight = cache
    g = dy * weight
    return inv_std * (g - g.mean(-1, keepdims=True)), *norm_rest(dy, xhat)


@wrong("layer_norm_backward", r"dx is wrong.*through the mean and through the variance are missing")
def norm_like_a_scale(dy, cache):
    xhat, inv_std, weight = cache
    return dy * weight * inv_std, *norm_rest(dy, xhat)


@wrong("layer_norm_backward", r"dx is wrong.*weight is missing: dxhat = dy \* weight")
def norm_without_weight(dy, cache):
    xhat, inv_std, _ = cache
    dx = dy - dy.mean(-1, keepdims=True) - xhat * (dy * xhat).mean(-1, keepdims=True)
    return dx * inv_std, *norm_rest(dy, xhat)


@wrong("layer_norm_backward", r"dx is wrong.*1 / std is missing")
def norm_without_std(dy, cache):
    xhat, _, weight = cache
    g = dy * weight
    return g - g.mean(-1, keepdims=True) - xhat * (g * xhat).mean(-1, keepdims=True), *norm_rest(dy, xhat)


@wrong("layer_norm_backward", r"dx is wrong.*Sums stand where means over the channels belong")
def norm_of_sums(dy, cache):
    xhat, inv_std, weight = cache
    g = dy * weight
    dx = g - g.sum(-1, keepdims=True) - xhat * (g * xhat).sum(-1, keepdims=True)
    return dx * inv_std, *norm_rest(dy, xhat)


def norm_dx_right(dy, xhat, inv_std, weight):
    g = dy * weight
    return inv_std * (g - g.mean(-1, keepdims=True) - xhat * (g * xhat).mean(-1, keepdims=True))


@wrong("layer_norm_backward", r"dweight is wrong.*xhat is missing")
def norm_dweight_without_xhat(dy, cache):
    xhat, inv_std, weight = cache
    return norm_dx_right(dy, xhat, inv_std, weight), dy.sum((0, 1)), dy.sum((0, 1))


@wrong("layer_norm_backward", r"dweight has shape.*not yet summed over the rows")
def norm_dweight_unsummed(dy, cache):
    xhat, inv_std, weight = cache
    return norm_dx_right(dy, xhat, inv_std, weight), dy * xhat, dy


@wrong("layer_norm_backward", r"dbias has shape.*summed over the channels")
def norm_dbias_over_channels(dy, cache):
    xhat, inv_std, weight = cache
    return norm_dx_right(dy, xhat, inv_std, weight), (dy * xhat).sum((0, 1)), dy.sum(-1)


@wrong(
    "layer_norm_backward",
    r"dweight is wrong.*exactly (\d+) times too small: multiply by the number of rows B T \(\1\)",
)
def norm_dweight_mean(dy, cache):
    xhat, inv_std, weight = cache
    return norm_dx_right(dy, xhat, inv_std, weight), (dy * xhat).mean((0, 1)), dy.mean((0, 1))


@wrong("layer_norm_backward", r"dbias is wrong.*weight is too much")
def norm_dbias_with_weight(dy, cache):
    xhat, inv_std, weight = cache
    return norm_dx_right(dy, xhat, inv_std, weight), (dy * xhat).sum((0, 1)), (dy * weight).sum((0, 1))


@right("layer_norm_backward")
def norm_by_jacobians(dy, cache):
    """Row by row: dxhat/dx = (1 - 1/C - xhat xhat^T / C) / std."""
    xhat, inv_std, weight = cache
    B, T, C = xhat.shape
    dx = np.zeros(xhat.shape)
    for b in range(B):
        for t in range(T):
            row = xhat[b, t]
            jacobian = (np.eye(C) - np.ones((C, C)) / C - np.outer(row, row) / C) * inv_std[b, t]
            dx[b, t] = jacobian.T @ (dy[b, t] * weight)
    return dx, np.einsum("btc,btc->c", dy, xhat), dy.sum(0).sum(0)


@right("layer_norm_backward")
def norm_by_the_chain(dy, cache):
    """The long way, as batch normalisation is taught: variance first, then mean, then x."""
    xhat, inv_std, weight = cache
    C = xhat.shape[-1]
    centred = xhat / inv_std
    dxhat = dy * weight
    dvariance = (dxhat * centred).sum(-1, keepdims=True) * -0.5 * inv_std**3
    dmean = -(dxhat * inv_std).sum(-1, keepdims=True) - 2 * dvariance * centred.mean(-1, keepdims=True)
    dx = dxhat * inv_std + dvariance * 2 * centred / C + dmean / C
    rows = dy.reshape(-1, C)
    return dx, (rows * xhat.reshape(-1, C)).sum(0), rows.sum(0)


# ---------------------------------------------------------------- embedding_backward


@wrong("embedding_backward", r"dweight is wrong.*Repeated ids overwrite each other")
def embedding_plus_equals(dy, cache):
    ids, (V, C) = cache
    dweight = np.zeros((V, C))
    dweight[ids] += dy
    return None, dweight


@wrong("embedding_backward", r"dweight is wrong.*averaged over the positions where a token stands")
def embedding_averaged(dy, cache):
    ids, (V, C) = cache
    dweight = np.zeros((V, C))
    for v in range(V):
        if (ids == v).any():
            dweight[v] = dy[ids == v].mean(axis=0)
    return None, dweight


@wrong("embedding_backward", r"dweight has shape.*Rows are missing at the end: V comes from the cache")
def embedding_of_the_seen(dy, cache):
    ids, (_, C) = cache
    dweight = np.zeros((ids.max() + 1, C))
    np.add.at(dweight, ids, dy)
    return None, dweight


@wrong("embedding_backward", r"dweight has shape.*This is dy itself")
def embedding_of_dy(dy, cache):
    return None, dy


@wrong("embedding_backward", r"dweight is wrong.*dy is not used, only counted")
def embedding_counted(dy, cache):
    ids, (V, C) = cache
    dweight = np.zeros((V, C))
    np.add.at(dweight, ids, 1)
    return None, dweight


@wrong("embedding_backward", r"dweight has shape.*It is transposed")
def embedding_transposed(dy, cache):
    ids, (V, C) = cache
    onehot = np.eye(V)[ids.ravel()]
    return None, dy.reshape(-1, C).T @ onehot


@wrong("embedding_backward", r"dids has no gradient: return None in its place")
def embedding_with_dids(dy, cache):
    ids, (V, C) = cache
    dweight = np.zeros((V, C))
    np.add.at(dweight, ids, dy)
    return np.zeros(ids.shape), dweight


@wrong("embedding_backward", r"dweight is wrong.*array of int64, which holds no fractions")
def embedding_of_integers(dy, cache):
    ids, (V, C) = cache
    dweight = np.zeros((V, C), dtype=ids.dtype)
    for b in range(ids.shape[0]):
        for t in range(ids.shape[1]):
            dweight[ids[b, t]] += dy[b, t].astype(int)
    return None, dweight


@wrong(
    "embedding_backward",
    r"dweight is wrong.*exactly (\d+) times too small: multiply by the number of rows B T \(\1\)",
)
def embedding_divided(dy, cache):
    ids, (V, C) = cache
    dweight = np.zeros((V, C))
    np.add.at(dweight, ids, dy / ids.size)
    return None, dweight


@right("embedding_backward")
def embedding_by_onehot(dy, cache):
    ids, (V, _) = cache
    onehot = (ids[..., None] == np.arange(V)).astype(dy.dtype)
    return None, np.einsum("btv,btc->vc", onehot, dy)


@right("embedding_backward")
def embedding_by_loops(dy, cache):
    ids, shape = cache
    dweight = np.zeros(shape)
    for b, row in enumerate(ids):
        for t, i in enumerate(row):
            dweight[i] += dy[b, t]
    return None, dweight


@right("embedding_backward")
def embedding_by_bincount(dy, cache):
    ids, (V, C) = cache
    columns = [np.bincount(ids.ravel(), dy[..., c].ravel(), minlength=V) for c in range(C)]
    return None, np.stack(columns, axis=1)


# ---------------------------------------------------------------- mix_backward


@wrong("mix_backward", r"dv is wrong.*weights is not transposed")
def mix_dv_untransposed(dmix, cache):
    weights, v = cache
    return dmix @ v.transpose(0, 1, 3, 2), weights @ dmix


@wrong("mix_backward", r"dweights is wrong.*It is transposed: rows are queries, columns keys")
def mix_dweights_transposed(dmix, cache):
    weights, v = cache
    return v @ dmix.transpose(0, 1, 3, 2), weights.transpose(0, 1, 3, 2) @ dmix


@wrong(
    "mix_backward", r"dweights is wrong.*0 where attention is not allowed; leave that to the softmax's part"
)
def mix_dweights_masked(dmix, cache):
    weights, v = cache
    dweights = np.einsum("bhid,bhjd->bhij", dmix, v)
    return np.where(weights > 0, dweights, 0), np.einsum("bhij,bhid->bhjd", weights, dmix)


@wrong("mix_backward", r"dv is wrong.*weights are missing: dv is a weighted sum of dmix")
def mix_dv_of_dmix(dmix, cache):
    _, v = cache
    return np.einsum("bhid,bhjd->bhij", dmix, v), dmix


@wrong("mix_backward", r"dweights has shape.*values of dv: the order is dweights, dv\.")
def mix_exchanged(dmix, cache):
    weights, v = cache
    return np.einsum("bhij,bhid->bhjd", weights, dmix), np.einsum("bhid,bhjd->bhij", dmix, v)


@wrong("mix_backward", r"raises ValueError in line \d+, `dweights = dmix @ v`: .*The shapes that went in")
def mix_without_transpose(dmix, cache):
    weights, v = cache
    dweights = dmix @ v
    return dweights, weights @ dmix


@right("mix_backward")
def mix_by_einsum(dmix, cache):
    weights, v = cache
    return np.einsum("bhid,bhjd->bhij", dmix, v), np.einsum("bhij,bhid->bhjd", weights, dmix)


@right("mix_backward")
def mix_by_loops(dmix, cache):
    weights, v = cache
    dweights, dv = np.zeros(weights.shape), np.zeros(v.shape)
    for b, h, i, j in np.ndindex(weights.shape):
        dweights[b, h, i, j] = np.dot(dmix[b, h, i], v[b, h, j])
        dv[b, h, j] += weights[b, h, i, j] * dmix[b, h, i]
    return dweights, dv


# ---------------------------------------------------------------- causal_softmax_backward


@wrong("causal_softmax_backward", r"The softmax's sum is missing: raising one score lowers all other")
def softmax_first_term(dweights, cache):
    (weights,) = cache
    return dweights * weights, None


@wrong("causal_softmax_backward", r"Summed over the wrong axis")
def softmax_over_queries(dweights, cache):
    (w,) = cache
    return w * (dweights - (dweights * w).sum(axis=-2, keepdims=True)), None


@wrong("causal_softmax_backward", r"A mean stands where a sum belongs")
def softmax_of_means(dweights, cache):
    (w,) = cache
    return w * (dweights - (dweights * w).mean(axis=-1, keepdims=True)), None


@wrong("causal_softmax_backward", r"The sum is not weighted")
def softmax_unweighted(dweights, cache):
    (w,) = cache
    return w * (dweights - dweights.sum(axis=-1, keepdims=True)), None


@wrong("causal_softmax_backward", r"This is only the diagonal w \(1 - w\)")
def softmax_like_sigmoid(dweights, cache):
    (w,) = cache
    return dweights * w * (1 - w), None


@wrong("causal_softmax_backward", r"The outer factor weights is missing")
def softmax_without_factor(dweights, cache):
    (w,) = cache
    return dweights - (dweights * w).sum(axis=-1, keepdims=True), None


@wrong("causal_softmax_backward", r"The sign is wrong")
def softmax_sign(dweights, cache):
    (w,) = cache
    return w * ((dweights * w).sum(axis=-1, keepdims=True) - dweights), None


@wrong("causal_softmax_backward", r"returns an array, not the tuple \(dscores, None\)")
def softmax_without_none(dweights, cache):
    (w,) = cache
    return w * (dweights - (dweights * w).sum(axis=-1, keepdims=True))


@right("causal_softmax_backward")
def softmax_by_jacobians(dweights, cache):
    (weights,) = cache
    dscores = np.zeros(weights.shape)
    for b, h, i in np.ndindex(weights.shape[:3]):
        w = weights[b, h, i]
        dscores[b, h, i] = (np.diag(w) - np.outer(w, w)) @ dweights[b, h, i]
    return dscores, None


@right("causal_softmax_backward")
def softmax_by_einsum(dweights, cache):
    (w,) = cache
    product = dweights * w
    return product - np.einsum("bhij,bhik->bhik", product, w), None


# ---------------------------------------------------------------- scores_backward


@wrong("scores_backward", r"dk is wrong.*It is scaled twice")
def scores_scaled_twice(dscores, cache):
    q, k, scale = cache
    return dscores @ k * scale, dscores.swapaxes(-1, -2) @ q * scale


@wrong("scores_backward", r"dq is wrong.*times too large: divide by sqrt\(D\)")
def scores_unscaled(dscores, cache):
    q, k, _ = cache
    return dscores @ k, dscores.swapaxes(-1, -2) @ q


@wrong("scores_backward", r"dq is wrong.*times too small: multiply by sqrt\(D\)")
def scores_by_d(dscores, cache):
    q, k, _ = cache
    return dscores @ k / q.shape[-1], dscores.swapaxes(-1, -2) @ q


@wrong("scores_backward", r"dk is wrong.*dscores is not transposed: a key hears from all queries")
def scores_dk_untransposed(dscores, cache):
    q, k, scale = cache
    return np.einsum("bhij,bhjd->bhid", dscores, k) * scale, np.einsum("bhij,bhjd->bhid", dscores, q)


@wrong("scores_backward", r"dq is wrong.*dscores is transposed where it should not be")
def scores_dq_transposed(dscores, cache):
    q, k, scale = cache
    return dscores.swapaxes(-1, -2) @ k * scale, dscores.swapaxes(-1, -2) @ q


@wrong("scores_backward", r"dq is wrong.*k is needed here, not q")
def scores_dq_of_q(dscores, cache):
    q, k, scale = cache
    return dscores @ q * scale, dscores.swapaxes(-1, -2) @ k


@wrong("scores_backward", r"dk is wrong.*q is needed here, not k")
def scores_dk_of_k(dscores, cache):
    _, k, scale = cache
    return dscores @ k * scale, dscores.swapaxes(-1, -2) @ k


@wrong("scores_backward", r"dq is wrong.*values of dk: the order is dq, dk\.")
def scores_exchanged(dscores, cache):
    q, k, scale = cache
    return dscores.swapaxes(-1, -2) @ q, dscores @ k * scale


@right("scores_backward")
def scores_by_einsum(dscores, cache):
    q, k, scale = cache
    return scale * np.einsum("bhij,bhjd->bhid", dscores, k), np.einsum("bhij,bhid->bhjd", dscores, q)


@right("scores_backward")
def scores_by_loops(dscores, cache):
    q, k, _ = cache
    dq, dk = np.zeros(q.shape), np.zeros(k.shape)
    for b, h, i, j in np.ndindex(dscores.shape):
        dq[b, h, i] += dscores[b, h, i, j] * k[b, h, j] / math.sqrt(q.shape[-1])
        dk[b, h, j] += dscores[b, h, i, j] * q[b, h, i]
    return dq, dk


# ---------------------------------------------------------------- attention_backward


@wrong("attention_backward", r"The softmax's backward is left out")
def attention_without_softmax(dy, cache):
    scores_cache, _, mix_cache, n_head = cache
    dscores, dv = layers.mix_backward(layers.split_heads(dy, n_head), mix_cache)
    dq, dk = layers.scores_backward(dscores, scores_cache)
    return np.concatenate([layers.merge_heads(a) for a in (dq, dk, dv)], axis=-1), None, None


def attention_parts(dy, cache):
    scores_cache, softmax_cache, mix_cache, n_head = cache
    dweights, dv = layers.mix_backward(layers.split_heads(dy, n_head), mix_cache)
    dscores, _ = layers.causal_softmax_backward(dweights, softmax_cache)
    dq, dk = layers.scores_backward(dscores, scores_cache)
    return dq, dk, dv


@wrong("attention_backward", r"dv is 0: values get gradient, too")
def attention_without_dv(dy, cache):
    dq, dk, _ = map(layers.merge_heads, attention_parts(dy, cache))
    return np.concatenate([dq, dk, np.zeros_like(dq)], axis=-1), None, None


@wrong("attention_backward", r"dk is 0: keys get gradient, too")
def attention_without_dk(dy, cache):
    dq, _, dv = map(layers.merge_heads, attention_parts(dy, cache))
    return np.concatenate([dq, 0 * dq, dv], axis=-1), None, None


@wrong("attention_backward", r"The order of the three parts is q \| k \| v")
def attention_in_another_order(dy, cache):
    dq, dk, dv = map(layers.merge_heads, attention_parts(dy, cache))
    return np.concatenate([dv, dq, dk], axis=-1), None, None


@wrong("attention_backward", r"dq and dk are exchanged")
def attention_keys_first(dy, cache):
    dq, dk, dv = map(layers.merge_heads, attention_parts(dy, cache))
    return np.concatenate([dk, dq, dv], axis=-1), None, None


@wrong("attention_backward", r"dqkv has shape.*Only one of the three parts is there")
def attention_of_dq(dy, cache):
    dq, _, _ = map(layers.merge_heads, attention_parts(dy, cache))
    return dq, None, None


@wrong("attention_backward", r"The heads are merged after concatenating")
def attention_merged_late(dy, cache):
    return layers.merge_heads(np.concatenate(attention_parts(dy, cache), axis=-1)), None, None


@wrong("attention_backward", r"dqkv has shape.*stacked on a new axis")
def attention_stacked(dy, cache):
    return np.stack([layers.merge_heads(a) for a in attention_parts(dy, cache)]), None, None


@wrong("attention_backward", r"dcausal has no gradient: return None in its place")
def attention_of_three(dy, cache):
    return tuple(layers.merge_heads(a) for a in attention_parts(dy, cache))


@right("attention_backward")
def attention_head_by_head(dy, cache):
    (q, k, scale), (weights,), (_, v), n_head = cache
    B, T, C = dy.shape
    D = C // n_head
    dqkv = np.zeros((B, T, 3 * C))
    for b in range(B):
        for h in range(n_head):
            here = slice(h * D, (h + 1) * D)
            dmix, w = dy[b][:, here], weights[b, h]
            dw = dmix @ v[b, h].T
            ds = w * (dw - np.sum(dw * w, axis=1, keepdims=True))
            dqkv[b][:, :C][:, here] = ds @ k[b, h] * scale
            dqkv[b][:, C : 2 * C][:, here] = ds.T @ q[b, h]
            dqkv[b][:, 2 * C :][:, here] = w.T @ dmix
    return dqkv, None, None


@right("attention_backward")
def attention_by_einsum(dy, cache):
    (q, k, scale), (w,), (_, v), H = cache
    B, T, C = dy.shape
    dmix = dy.reshape(B, T, H, C // H)
    dw = np.einsum("bihd,bhjd->bhij", dmix, v)
    ds = w * dw - w * np.einsum("bhij,bhij->bhi", w, dw)[..., None]
    parts = (
        np.einsum("bhij,bhjd->bihd", ds, k) * scale,
        np.einsum("bhij,bhid->bjhd", ds, q),
        np.einsum("bhij,bihd->bjhd", w, dmix),
    )
    return np.concatenate([part.reshape(B, T, C) for part in parts], axis=2), None, None


# ---------------------------------------------------------------- mlp_block_backward


def mlp_path(dy, cache):
    """The way through the MLP: dh and the gradients."""
    ln_cache, c_fc_cache, gelu_cache, c_proj_cache = cache
    dh, dw2, db2 = layers.linear_backward(dy, c_proj_cache)
    dh = layers.gelu_backward(dh, gelu_cache)[0]
    dh, dw1, db1 = layers.linear_backward(dh, c_fc_cache)
    dh, dg, db = layers.layer_norm_backward(dh, ln_cache)
    mlp = {"c_fc": {"weight": dw1, "bias": db1}, "c_proj": {"weight": dw2, "bias": db2}}
    return dh, {"ln_2": {"weight": dg, "bias": db}, "mlp": mlp}


@wrong("mlp_block_backward", r"dx is wrong.*The residual is forgotten")
def mlp_without_residual(dy, cache):
    return mlp_path(dy, cache)


@wrong("mlp_block_backward", r"dx is wrong.*The residual is added twice")
def mlp_residual_twice(dy, cache):
    dh, grads = mlp_path(dy, cache)
    return dy + dh + dy, grads


@wrong("mlp_block_backward", r"dx is wrong.*Only the residual is there")
def mlp_residual_alone(dy, cache):
    return dy, mlp_path(dy, cache)[1]


@wrong("mlp_block_backward", r"dx is wrong.*The residual's sign is wrong")
def mlp_residual_subtracted(dy, cache):
    dh, grads = mlp_path(dy, cache)
    return dh - dy, grads


@wrong("mlp_block_backward", r"dx is wrong.*dy is added before the layer norm's backward")
def mlp_residual_into_the_norm(dy, cache):
    ln_cache, c_fc_cache, gelu_cache, c_proj_cache = cache
    dh, dw2, db2 = layers.linear_backward(dy, c_proj_cache)
    dh = layers.gelu_backward(dh, gelu_cache)[0]
    dh, dw1, db1 = layers.linear_backward(dh, c_fc_cache)
    dx, dg, db = layers.layer_norm_backward(dh + dy, ln_cache)
    mlp = {"c_fc": {"weight": dw1, "bias": db1}, "c_proj": {"weight": dw2, "bias": db2}}
    return dx, {"ln_2": {"weight": dg, "bias": db}, "mlp": mlp}


@wrong("mlp_block_backward", r"dx is wrong.*GELU's backward is left out")
def mlp_without_gelu(dy, cache):
    ln_cache, c_fc_cache, _, c_proj_cache = cache
    dh, dw2, db2 = layers.linear_backward(dy, c_proj_cache)
    dh, dw1, db1 = layers.linear_backward(dh, c_fc_cache)
    dh, dg, db = layers.layer_norm_backward(dh, ln_cache)
    mlp = {"c_fc": {"weight": dw1, "bias": db1}, "c_proj": {"weight": dw2, "bias": db2}}
    return dy + dh, {"ln_2": {"weight": dg, "bias": db}, "mlp": mlp}


@wrong("mlp_block_backward", r"the gradient of mlp.c_fc.weight has shape.*It is transposed")
def mlp_weight_transposed(dy, cache):
    dh, grads = mlp_path(dy, cache)
    grads["mlp"]["c_fc"]["weight"] = grads["mlp"]["c_fc"]["weight"].T
    return dy + dh, grads


@wrong("mlp_block_backward", r"the gradient of ln_2.weight is wrong.*values of the gradient of ln_2.bias")
def mlp_norm_exchanged(dy, cache):
    dh, grads = mlp_path(dy, cache)
    norm = grads["ln_2"]
    return dy + dh, {**grads, "ln_2": {"weight": norm["bias"], "bias": norm["weight"]}}


@wrong(
    "mlp_block_backward",
    r"The result cannot be read: grads lacks ln_2.weight. Return the tuple \(dx, grads\)",
)
def mlp_with_another_name(dy, cache):
    dh, grads = mlp_path(dy, cache)
    return dy + dh, {"ln": grads["ln_2"], "mlp": grads["mlp"]}


@right("mlp_block_backward")
def mlp_in_another_order(dy, cache):
    """Names count, their order does not."""
    dh, grads = mlp_path(dy, cache)
    return dy + dh, {"mlp": grads["mlp"], "ln_2": grads["ln_2"]}


@right("mlp_block_backward")
def mlp_by_einsum(dy, cache):
    (xhat, inv_std, g), (h, w1, _), (a, t), (z, w2, _) = cache
    da = np.einsum("btk,ck->btc", dy, w2)
    du = SLOPE * (1 + 3 * 0.044715 * a**2)
    da = da * 0.5 * (1 + t + a * (1 - t**2) * du)
    dh = np.einsum("btk,ck->btc", da, w1)
    grads = {
        "ln_2": {"weight": (dh * xhat).sum((0, 1)), "bias": dh.sum((0, 1))},
        "mlp": {
            "c_fc": {"weight": np.einsum("btc,btk->ck", h, da), "bias": da.sum((0, 1))},
            "c_proj": {"weight": np.einsum("btc,btk->ck", z, dy), "bias": dy.sum((0, 1))},
        },
    }
    return dy + norm_dx_right(dh, xhat, inv_std, g), grads


# ---------------------------------------------------------------- central_difference


@wrong("central_difference", r"one-sided difference: its error shrinks like h, not like h\^2")
def one_sided(f, x, h):
    gradient = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        moved = x.copy()
        moved[i] += h
        gradient[i] = (f(moved) - f(x)) / h
    return gradient


@wrong("central_difference", r"one-sided difference to the left")
def one_sided_left(f, x, h):
    gradient = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        moved = x.copy()
        moved[i] -= h
        gradient[i] = (f(x) - f(moved)) / h
    return gradient


def both_sides(f, x, h):
    gradient = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        up, down = x.copy(), x.copy()
        up[i] += h
        down[i] -= h
        gradient[i] = f(up) - f(down)
    return gradient


@wrong("central_difference", r"divided by h, but the two points are 2h apart")
def divided_by_h(f, x, h):
    return both_sides(f, x, h) / h


@wrong("central_difference", r"exactly 500 times too small: divide by 2h \(0\.002\)")
def not_divided(f, x, h):
    return both_sides(f, x, h)


@wrong("central_difference", r"All entries are moved at once")
def all_moved(f, x, h):
    return np.ones_like(x) * (f(x + h) - f(x - h)) / (2 * h)


@wrong("central_difference", r"f gets one entry alone: give it the whole array")
def entry_alone(f, x, h):
    gradient = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        gradient[i] = (f(x[i] + h) - f(x[i] - h)) / (2 * h)
    return gradient


@wrong("central_difference", r"The sign is wrong")
def downwards(f, x, h):
    return -both_sides(f, x, h) / (2 * h)


@wrong("central_difference", r"changes its second argument: work on a copy")
def moved_in_place(f, x, h):
    gradient = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        x[i] += h
        up = f(x)
        x[i] -= 2 * h
        gradient[i] = (up - f(x)) / (2 * h)
    return gradient


@wrong("central_difference", r"another step than h, or another method")
def own_step(f, x, h):
    return both_sides(f, x, 1e-5) / 2e-5


@wrong("central_difference", r"has shape \(\d+,\), not \(\d, \d\)\. The numbers are right: reshape them")
def flat_gradient(f, x, h):
    return (both_sides(f, x, h) / (2 * h)).ravel()


@right("central_difference")
def central_over_the_flat_array(f, x, h):
    gradient = []
    for i in range(x.size):
        e = np.zeros(x.size)
        e[i] = h
        e = e.reshape(x.shape)
        gradient.append((f(x + e) - f(x - e)) / (2 * h))
    return np.array(gradient).reshape(x.shape)


@right("central_difference")
def central_with_a_restored_copy(f, x, h):
    x = x.copy()
    gradient = np.empty(x.shape)
    for i, old in np.ndenumerate(x.copy()):
        x[i] = old + h
        up = f(x)
        x[i] = old - h
        gradient[i] = (up - f(x)) / h / 2
        x[i] = old
    return gradient


# ---------------------------------------------------------------- complex_step


@wrong("complex_step", r"real part, f itself: the derivative is in the imaginary part")
def real_part(f, x, h):
    gradient = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        z = x.astype(complex)
        z[i] += 1j * h
        gradient[i] = f(z).real
    return gradient


@wrong("complex_step", r"real part, divided by h: take the imaginary part")
def real_part_divided(f, x, h):
    gradient = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        z = x.astype(complex)
        z[i] += 1j * h
        gradient[i] = f(z).real / h
    return gradient


@wrong("complex_step", r"divide by h \(1e-20\)")
def imaginary_part(f, x, h):
    gradient = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        z = x.astype(complex)
        z[i] += 1j * h
        gradient[i] = f(z).imag
    return gradient


@wrong("complex_step", r"h = 1e-20 is lost in x \+ h\. Step along i")
def real_step(f, x, h):
    gradient = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        z = x.copy()
        z[i] += h
        gradient[i] = (f(z) - f(x)) / h
    return gradient


@wrong("complex_step", r"divided by 2h, but there is only one point")
def divided_by_two_h(f, x, h):
    gradient = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        z = x + 0j
        z[i] += 1j * h
        gradient[i] = f(z).imag / (2 * h)
    return gradient


@wrong("complex_step", r"All entries are moved at once")
def all_moved_along_i(f, x, h):
    return np.full(x.shape, np.imag(f(x + 1j * h)) / h)


@wrong("complex_step", r"gradient is complex: is a \.imag or \.real missing\?")
def complex_result(f, x, h):
    gradient = np.zeros(x.shape, complex)
    for i in np.ndindex(x.shape):
        z = x.astype(complex)
        z[i] += 1j * h
        gradient[i] = f(z) / h
    return gradient


@wrong("complex_step", r"nearly right: an approximation")
def difference_instead(f, x, h):
    return both_sides(f, x, 1e-5) / 2e-5


@right("complex_step")
def complex_step_over_units(f, x, h):
    units = np.eye(x.size).reshape(x.size, *x.shape)
    return np.array([f(x + 1j * h * e).imag for e in units]).reshape(x.shape) / h


@right("complex_step")
def complex_step_as_lists(f, x, h):
    rows = []
    for i in range(x.shape[0]):
        rows.append([])
        for j in range(x.shape[1]):
            z = x.astype(complex)
            z[i, j] = complex(x[i, j], h)
            rows[-1].append(f(z).imag / h)
    return rows


# ---------------------------------------------------------------- train_step


def stepped(params, grads, lr):
    new = {}
    for key, value in params.items():
        new[key] = stepped(value, grads[key], lr) if isinstance(value, dict) else value - lr * grads[key]
    return new


@wrong("train_step", r"loss is wrong.*full-sequence loss: hand batch.loss_mask on")
def step_on_the_full_sequence(params, batch, config, lr):
    mask = (batch.roles > 0).astype(float)
    loss, grads = model.loss_and_grads(params, batch.ids, batch.targets, mask, config)
    return loss, stepped(params, grads, lr)


@wrong("train_step", r"loss is wrong.*every position, pads included")
def step_with_ones(params, batch, config, lr):
    mask = np.ones(batch.targets.shape)
    loss, grads = model.loss_and_grads(params, batch.ids, batch.targets, mask, config)
    return loss, stepped(params, grads, lr)


@wrong("train_step", r"new wte.weight is wrong.*This is the step of full-sequence loss")
def step_with_two_masks(params, batch, config, lr):
    loss, _ = model.loss_and_grads(params, batch.ids, batch.targets, batch.loss_mask, config)
    mask = (batch.roles > 0).astype(float)
    _, grads = model.loss_and_grads(params, batch.ids, batch.targets, mask, config)
    return loss, stepped(params, grads, lr)


@wrong("train_step", r"new wte.weight is wrong.*The sign is wrong: this step climbs")
def step_upwards(params, batch, config, lr):
    loss, grads = model.loss_and_grads(params, batch.ids, batch.targets, batch.loss_mask, config)
    return loss, stepped(params, grads, -lr)


@wrong("train_step", r"new wte.weight is wrong.*lr is not used")
def step_without_lr(params, batch, config, lr):
    loss, grads = model.loss_and_grads(params, batch.ids, batch.targets, batch.loss_mask, config)
    return loss, stepped(params, grads, 1)


@wrong("train_step", r"new wte.weight is wrong.*It is unchanged: every parameter gets its step")
def step_that_stays(params, batch, config, lr):
    loss, _ = model.loss_and_grads(params, batch.ids, batch.targets, batch.loss_mask, config)
    return loss, params


@wrong("train_step", r"new wte.weight is wrong.*This is the gradient, not the new parameter")
def step_that_returns_grads(params, batch, config, lr):
    return model.loss_and_grads(params, batch.ids, batch.targets, batch.loss_mask, config)


@wrong("train_step", r"new h.0.ln_1.bias is wrong.*It is unchanged: every parameter gets its step")
def step_without_biases(params, batch, config, lr):
    loss, grads = model.loss_and_grads(params, batch.ids, batch.targets, batch.loss_mask, config)
    grads = dict(tree.named(grads))
    new = {n: a if n.endswith("bias") else a - lr * grads[n] for n, a in tree.named(params)}
    return loss, tree.from_named(new)


@wrong("train_step", r"changes something inside its first argument: work on a copy")
def step_in_place(params, batch, config, lr):
    loss, grads = model.loss_and_grads(params, batch.ids, batch.targets, batch.loss_mask, config)
    grads = dict(tree.named(grads))
    for name, array in tree.named(params):
        array -= (lr * grads[name]).astype(array.dtype)
    return loss, params


@wrong("train_step", r"loss is wrong.*This is the loss after the step: return the one before it")
def step_with_the_loss_afterwards(params, batch, config, lr):
    _, grads = model.loss_and_grads(params, batch.ids, batch.targets, batch.loss_mask, config)
    new = stepped(params, grads, lr)
    return model.loss_and_grads(new, batch.ids, batch.targets, batch.loss_mask, config)[0], new


@wrong("train_step", r"cannot be read: new_params is .*not a dict. Return the tuple \(loss, new_params\)")
def step_exchanged(params, batch, config, lr):
    loss, grads = model.loss_and_grads(params, batch.ids, batch.targets, batch.loss_mask, config)
    return stepped(params, grads, lr), loss


@wrong("train_step", r"cannot be read: new_params lacks wte.weight")
def step_of_a_flat_dict(params, batch, config, lr):
    loss, grads = model.loss_and_grads(params, batch.ids, batch.targets, batch.loss_mask, config)
    return loss, {"h": stepped(params, grads, lr)["h"]}


@right("train_step")
def step_by_recursion(params, batch, config, lr):
    loss, grads = model.loss_and_grads(params, batch.ids, batch.targets, batch.loss_mask, config)
    return float(loss), stepped(params, grads, lr)


@right("train_step")
def step_by_flat_view(params, batch, config, lr):
    vector, new = tree.flat_view(params)
    loss, grads = model.loss_and_grads(new, batch.ids, batch.targets, batch.loss_mask, config)
    vector -= (lr * tree.flatten(grads)).astype(vector.dtype)
    return loss, new


# ---------------------------------------------------------------- slips that a reviewer made


@wrong("layer_norm_backward", r"dx is wrong.*divided by inv_std, which is 1 / std already")
def divided_by_the_inverse(dy, cache):
    xhat, inv_std, weight = cache
    dxhat = dy * weight
    along = (dxhat * xhat).mean(axis=-1, keepdims=True)
    dx = (dxhat - dxhat.mean(axis=-1, keepdims=True) - xhat * along) / inv_std
    return dx, (dy * xhat).sum(axis=(0, 1)), dy.sum(axis=(0, 1))


@wrong("layer_norm_backward", r"dx is wrong.*weight is multiplied at the end")
def weight_last(dy, cache):
    xhat, inv_std, weight = cache
    along = (dy * xhat).mean(axis=-1, keepdims=True)
    dx = weight * (dy - dy.mean(axis=-1, keepdims=True) - xhat * along) * inv_std
    return dx, (dy * xhat).sum(axis=(0, 1)), dy.sum(axis=(0, 1))


@wrong("gelu_backward", r"dx is wrong.*dy multiplies the first term only: is a bracket missing\?")
def bracket_missing(dy, cache):
    x, t = cache
    du = SLOPE * (1 + 3 * 0.044715 * x * x)
    return (dy * 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * du,)


# ---------------------------------------------------------------- target_weights


@wrong("target_weights", r"The sign: without its target, the entry rises")
def falls_instead(dlogits, exchanged, targets):
    difference = dlogits - exchanged
    return np.take_along_axis(difference, targets[:, :, None], 2)[:, :, 0]


@wrong("target_weights", r"w \(1 - p\) and whatever else lights the row")
def before_alone(dlogits, exchanged, targets):
    return -np.take_along_axis(dlogits, targets[:, :, None], 2).squeeze(2)


@wrong("target_weights", r"w p: loss weight and probability are mixed")
def after_alone(dlogits, exchanged, targets):
    return np.take_along_axis(exchanged, targets[:, :, None], 2).squeeze(2)


@wrong("target_weights", r"A norm tells that a row is lit")
def row_norms(dlogits, exchanged, targets):
    return np.sqrt((dlogits**2).sum(axis=-1))


@wrong("target_weights", r"changes at two entries")
def both_ends(dlogits, exchanged, targets):
    return abs(dlogits - exchanged).sum(axis=-1)


@wrong("target_weights", r"shape")
def all_entries(dlogits, exchanged, targets):
    return exchanged - dlogits


@right("target_weights")
def entry_by_entry(dlogits, exchanged, targets):
    out = np.zeros_like(dlogits[:, :, 0])
    for b in range(targets.shape[0]):
        for t in range(targets.shape[1]):
            y = targets[b, t]
            out[b, t] = exchanged[b, t, y] - dlogits[b, t, y]
    return out


@right("target_weights")
def largest_rise(dlogits, exchanged, targets):
    return (exchanged - dlogits).max(axis=-1)


@right("target_weights")
def by_index(dlogits, exchanged, targets):
    b, t = np.indices(targets.shape)
    return exchanged[b, t, targets] - dlogits[b, t, targets]


# ---------------------------------------------------------------- last_turn_mask


def is_answer(roles):
    return (roles == 3) | (roles == 4)


@wrong("last_turn_mask", r"All answers carry loss, not only the last of each row")
def every_turn(roles, turns):
    return is_answer(roles) * 1.0


@wrong("last_turn_mask", r"last turn of the longest conversation")
def last_of_the_batch(roles, turns):
    return (is_answer(roles) & (turns == turns.max())).astype(float)


@wrong("last_turn_mask", r"A row may end with the user, and then nothing is lit")
def last_message(roles, turns):
    return (is_answer(roles) & (turns == turns.max(axis=1)[:, None])).astype(float)


@wrong("last_turn_mask", r"the first answer of each row")
def first_turn(roles, turns):
    out = np.zeros(roles.shape)
    for b in range(len(roles)):
        first = turns[b][is_answer(roles[b])][0]
        out[b] = is_answer(roles[b]) & (turns[b] == first)
    return out


def last_by_rows(roles, turns, lit):
    """Row by row: where `lit(roles)` holds in the turn of the row's last answer."""
    out = np.zeros(roles.shape)
    for b in range(len(roles)):
        out[b] = lit(roles[b]) & (turns[b] == turns[b][is_answer(roles[b])].max())
    return out


@wrong("last_turn_mask", r"<eos> is left out")
def without_the_end(roles, turns):
    return last_by_rows(roles, turns, lambda r: r == 3)


@wrong("last_turn_mask", r"The marker <assistant> is lit, too")
def with_its_marker(roles, turns):
    return last_by_rows(roles, turns, lambda r: r >= 3)


@wrong("last_turn_mask", r"The turn alone is not enough: markers and pads have one")
def turn_alone(roles, turns):
    return last_by_rows(roles, turns, lambda r: r > -1)


@wrong("last_turn_mask", r"Inverted: all but the last answer is lit")
def what_not_to_train(roles, turns):
    return 1 - last_by_rows(roles, turns, is_answer)


@wrong("last_turn_mask", r"one late: roles and turns are those of the targets already")
def shifted_as_well(roles, turns):
    return np.hstack([np.zeros((len(roles), 1)), last_by_rows(roles, turns, is_answer)[:, :-1]])


@wrong("last_turn_mask", r"shape.*A column is cut: roles and turns are those of the targets already")
def cut_as_well(roles, turns):
    return last_by_rows(roles[:, 1:], turns[:, 1:], is_answer)


@wrong("last_turn_mask", r"entries differ, the first at")
def last_token_alone(roles, turns):
    out = np.zeros(roles.shape)
    for b in range(len(roles)):
        out[b, np.flatnonzero(roles[b] == 4)[-1]] = 1
    return out


@right("last_turn_mask")
def by_largest_turn(roles, turns):
    return last_by_rows(roles, turns, is_answer)


@right("last_turn_mask")
def backwards_from_the_last_eos(roles, turns):
    out = np.zeros(roles.shape)
    for b, row in enumerate(roles):
        t = np.flatnonzero(row == 4)[-1]
        out[b, t] = 1
        while t > 0 and row[t - 1] == 3:
            t -= 1
            out[b, t] = 1
    return out


@right("last_turn_mask")
def eos_still_to_come(roles, turns):
    ends = roles == 4
    to_come = ends[:, ::-1].cumsum(axis=1)[:, ::-1]
    return (is_answer(roles) & (to_come == 1)).astype(float)


# ---------------------------------------------------------------- combine_gradients


@wrong(
    "combine_gradients", r"mean of the means: a token of a small part counts more than one of a large part"
)
def mean_of_the_means(gradients, counts):
    return np.mean(gradients, axis=0)


@wrong("combine_gradients", r"mean over the parts with tokens")
def mean_of_those_with_tokens(gradients, counts):
    return gradients.sum(axis=0) / np.count_nonzero(counts)


@wrong("combine_gradients", r"The means are only added up")
def added_up(gradients, counts):
    return sum(gradients)


@wrong("combine_gradients", r"gradient of the sum: divide by the number of all supervised tokens")
def sum_not_divided(gradients, counts):
    return (gradients * counts[:, None]).sum(axis=0)


@wrong("combine_gradients", r"Divided by the number of parts")
def divided_by_parts(gradients, counts):
    return (gradients * counts[:, None]).mean(axis=0)


@wrong("combine_gradients", r"multiply each by its count before adding up")
def divided_twice(gradients, counts):
    return gradients.sum(axis=0) / counts.sum()


@wrong("combine_gradients", r"the last part alone: is it = where \+= is meant")
def overwritten(gradients, counts):
    for gradient in gradients:
        total = gradient
    return total


@wrong("combine_gradients", r"the last part's share alone: is it = where \+= is meant")
def share_overwritten(gradients, counts):
    for gradient, count in zip(gradients, counts, strict=True):
        total = gradient * count / counts.sum()
    return total


@wrong("combine_gradients", r"A running mean \(a \+ b\) / 2")
def halved_each_time(gradients, counts):
    mean = gradients[0]
    for k in range(1, len(gradients)):
        mean = 0.5 * (mean + gradients[k])
    return mean


@wrong("combine_gradients", r"shape.*not added up yet: sum over axis 0")
def shares(gradients, counts):
    return gradients * (counts / counts.sum())[:, None]


@wrong("combine_gradients", r"not finite")
def sums_of_divided(gradients, counts):
    return (gradients / counts[:, None]).sum(axis=0)


@right("combine_gradients")
def averaged_by_numpy(gradients, counts):
    return np.average(gradients, axis=0, weights=counts).astype(gradients.dtype)


@right("combine_gradients")
def in_a_loop(gradients, counts):
    total, seen = np.zeros_like(gradients[0]), 0
    for gradient, count in zip(gradients, counts, strict=True):
        total += gradient * count
        seen += count
    return total / seen


@right("combine_gradients")
def running_and_weighted(gradients, counts):
    mean, seen = np.zeros_like(gradients[0]), counts.dtype.type(0)
    for gradient, count in zip(gradients, counts, strict=True):
        if count:
            seen += count
            mean += (gradient - mean) * (count / seen)
    return mean
