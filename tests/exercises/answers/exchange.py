"""Answers: the exchange test, and the gradient's two parts."""

import numpy as np


def exchange_where(choose, same):
    """An exchange test that gives other targets where `choose(batch)` says and compares by `same`."""

    def answer(step, batch, vocab_size):
        targets = np.where(choose(batch), (batch.targets + 1) % vocab_size, batch.targets)
        before, after = (step(batch.ids, t, batch.loss_mask) for t in (batch.targets, targets))
        return np.logical_not(same(before, after))

    return answer


def is_prompt(batch):
    return batch.roles == 2


def is_lit_by_no_mask(batch):
    return batch.loss_mask == 0


def is_prompt_of_first_row(batch):
    return is_prompt(batch) & (np.arange(len(batch.ids)) == 0)[:, None]


def is_first_token(batch):
    return is_prompt(batch) & (np.arange(batch.ids.shape[1]) == 0)


def close(a, b):
    return np.allclose(a[0], b[0]) and np.allclose(a[1], b[1])


def same_loss(a, b):
    return np.isclose(a[0], b[0])


def same_bits(a, b):
    return a[0] == b[0] and (a[1] == b[1]).all()


def same_entries(a, b):
    return np.isclose(a[1], b[1])


def same_gradient(a, b):
    return np.allclose(a[1], b[1])


def roughly_same(a, b):
    return np.allclose(a[0], b[0], rtol=0.1) and np.allclose(a[1], b[1], rtol=0.1, atol=0.1)


def exchange_inputs(step, batch, vocab_size):
    other = np.where(is_prompt(batch), (batch.ids + 1) % vocab_size, batch.ids)
    return not close(
        step(batch.ids, batch.targets, batch.loss_mask), step(other, batch.targets, batch.loss_mask)
    )


def look_at_the_gradient(step, batch, vocab_size):
    _, gradient = step(batch.ids, batch.targets, batch.loss_mask)
    return bool((gradient[is_prompt(batch)] != 0).any())


def compare_with_a_masked_step(step, batch, vocab_size):
    right = (batch.roles >= 3) * 1.0
    return not close(step(batch.ids, batch.targets, batch.loss_mask), step(batch.ids, batch.targets, right))


def return_the_difference(step, batch, vocab_size):
    other = np.where(is_prompt(batch), 0, batch.targets)
    return step(batch.ids, batch.targets, batch.loss_mask)[0] - step(batch.ids, other, batch.loss_mask)[0]


def exchange_one_by_one(step, batch, vocab_size):
    loss, gradient = step(batch.ids, batch.targets, batch.loss_mask)
    for b, t in np.argwhere(is_prompt(batch)):
        targets = batch.targets.copy()
        targets[b, t] = (targets[b, t] + 3) % vocab_size
        new_loss, new_gradient = step(batch.ids, targets, batch.loss_mask)
        if abs(new_loss - loss) > 1e-6 * abs(loss):
            return True
        if np.abs(new_gradient - gradient).max() > 1e-5 * np.abs(gradient).max():
            return True
    return False


def mirror_the_targets(step, batch, vocab_size):
    """With targets that are no fixed number away."""
    targets = np.where(is_prompt(batch), (vocab_size - 1) - batch.targets, batch.targets)
    before, after = (step(batch.ids, t, batch.loss_mask) for t in (batch.targets, targets))
    return any(np.abs(b - a).max() > 1e-4 * np.abs(a).max() for a, b in zip(before, after, strict=True))


def add_the_parts(gradient, prompt, response):
    g_x, g_y = gradient(prompt), gradient(response)
    return g_x, g_y, g_x + g_y


def subtract_the_prompt(gradient, prompt, response):
    g_full, g_x = gradient(np.where(prompt + response > 0, 1, 0).astype(prompt.dtype)), gradient(prompt)
    return g_x, g_full - g_x, g_full


WRONG = {
    "uses_prompt_targets": {
        r"healthy step gets True: its loss is masked, as it should be": lambda *_: True,
        r"step gets False: it ignores the mask.*really other ones": lambda *_: False,
        r"it ignores the mask, and every target has loss weight 1": compare_with_a_masked_step,
        r"Exchange the prompt's targets alone; answers and ids stay": exchange_inputs,
        r"gradient at the prompt's embeddings is no fault": look_at_the_gradient,
        r"differ in their last bits. Compare with np.allclose": exchange_where(is_prompt, same_bits),
        r"a loss weight of 0.01. A change may be small": exchange_where(is_prompt, roughly_same),
        r"loss that it reports is masked, but its gradient is not": exchange_where(is_prompt, same_loss),
        r"gradient is masked, but the loss that it reports is not": exchange_where(is_prompt, same_gradient),
        r"True means that something changes": lambda *args: not exchange_where(is_prompt, close)(*args),
        r"handed is 1 on the prompt, too.*the roles say": exchange_where(is_lit_by_no_mask, close),
        r"mask is one position early.*Exchange all prompt targets": exchange_where(is_first_token, close),
        r"forgets the mask in the last row.*in every row": exchange_where(is_prompt_of_first_row, close),
        r"returns None: is the return missing\? Return True or False\.": lambda *_: None,
        r"is neither True nor False. Return True or False\.": return_the_difference,
        r"an array of shape \(\d, \d+, \d\) is neither True nor False": exchange_where(
            is_prompt, same_entries
        ),
    },
    "split_gradient": {
        r"g_y is wrong.*both parts together": lambda g, x, y: (g(x), g(x + y), g(x + y)),
        r"g_full is wrong.*sums of losses are added": lambda g, x, y: (g(x), g(y), g(x) - g(y)),
        r"g_x is wrong.*gradient of a mean: hand over the 0/1 mask itself": lambda g, x, y: (
            g(x / x.sum()),
            g(y / y.sum()),
            g((x + y) / (x + y).sum()),
        ),
        r"g_y is wrong.*Pads are lit, too: 1 - mask": lambda g, x, y: (g(x), g(1 - x), g(x + y)),
        r"g_full is wrong.*Pads are lit, too: they are neither": lambda g, x, y: (g(x), g(y), g(0 * x + 1)),
        r"g_full is wrong.*mean of the parts": lambda g, x, y: (g(x), g(y), (g(x) + g(y)) / 2),
        r"g_full is wrong.*need the same denominator": lambda g, x, y: (
            g(x),
            g(y),
            g((x + y) / (x + y).sum()),
        ),
        r"yours is \(g_y, g_x, g_full\)": lambda g, x, y: (g(y), g(x), g(x + y)),
    },
}

RIGHT = {
    "uses_prompt_targets": (exchange_where(is_prompt, close), exchange_one_by_one, mirror_the_targets),
    "split_gradient": (add_the_parts, subtract_the_prompt),
}
