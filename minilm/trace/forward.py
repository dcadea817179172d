"""What the step-through says on the way down: title, formula, what to notice, which arrays it shows.

Only texts: they must hold for every model, row and loss. Numbers come from the trace itself.
"""

from typing import NamedTuple


class Spec(NamedTuple):
    """One step's words; arrays is {dotted name: its axes}, names within the block for block steps."""

    title: str
    formula: str
    notice: str
    arrays: dict


X, HEADS, SCORES = "B, T, C", "B, H, T, D", "B, H, T, T"
NORM = "y = (x − mean(x)) / √(var(x) + 1e-5) · weight + bias, over the channels of each row"

READ = (
    Spec(
        "tokens and roles",
        "ids = tokens[:, :-1]   targets = tokens[:, 1:]   roles = roles[:, 1:]",
        "Position t reads token t and predicts token t + 1, so the role of the target, not of the input, "
        "decides whether a row carries loss.",
        {"tokens": ""},
    ),
    Spec(
        "ids",
        "id = place of the token in the vocabulary",
        "From here on the model sees only these numbers; nothing in ids tells prompt from response.",
        {"ids": ""},
    ),
    Spec(
        "embeddings",
        "x[t] = wte[ids[t]] + wpe[t]",
        "What the token is and where it stands, added: this sum x is the residual stream, to which every "
        "block adds its part.",
        {"wte": X, "wpe": "T, C", "x": X},
    ),
)

BLOCK = (
    Spec(
        "norm ln_1",
        f"ln_1(x): {NORM}",
        "Every row is rescaled by itself; no row looks at another one here.",
        {"ln_1": X},
    ),
    Spec(
        "q, k, v",
        "q | k | v = ln_1(x) c_attn.weight + c_attn.bias, cut into H heads of D = C / H channels",
        "What a row looks for (q), what it can be found by (k), and what it then hands over (v).",
        {"attn.q": HEADS, "attn.k": HEADS, "attn.v": HEADS},
    ),
    Spec(
        "scores",
        "scores = q kᵀ / √D",
        "Row i asks, column j answers; × marks keys in the future, whose scores get −1e30 added before "
        "the softmax.",
        {"attn.scores": SCORES},
    ),
    Spec(
        "attention weights",
        "weights[i, j] = exp(scores[i, j]) / Σ over j' ≤ i of exp(scores[i, j']),   0 for j > i",
        "Every row sums to 1, the future has exactly 0, and the first row can only look at itself.",
        {"attn.weights": SCORES},
    ),
    Spec(
        "mix",
        "mix = weights v",
        "Row t becomes an average of the values of rows 0 to t: attention is the only part of the model "
        "in which rows meet.",
        {"attn.mix": HEADS},
    ),
    Spec(
        "projection, x",
        "x = x + merge(mix) c_proj.weight + c_proj.bias",
        "What attention found is added to x and does not replace it.",
        {"attn.c_proj": X, "attn.x": X},
    ),
    Spec(
        "norm ln_2",
        f"ln_2(x): {NORM}",
        "The same norm, with its own weight and bias, in front of the MLP.",
        {"ln_2": X},
    ),
    Spec(
        "MLP hidden",
        "c_fc = ln_2(x) c_fc.weight + c_fc.bias",
        "Four times as many channels, again row by row.",
        {"mlp.c_fc": "B, T, 4C"},
    ),
    Spec(
        "GELU",
        "gelu(u) = u (1 + tanh(√(2/π) (u + 0.044715 u³))) / 2",
        "Large positive numbers pass almost unchanged, large negative ones become almost 0.",
        {"mlp.gelu": "B, T, 4C"},
    ),
    Spec(
        "MLP output, x",
        "x = x + gelu c_proj.weight + c_proj.bias",
        "Added to the stream again; the next block, or the final norm, reads this x.",
        {"mlp.c_proj": X, "mlp.x": X},
    ),
)

PREDICT = (
    Spec(
        "final norm",
        f"ln_f(x): {NORM}",
        "The last time that rows are rescaled before the head reads them.",
        {"ln_f": X},
    ),
    Spec(
        "logits",
        "logits = ln_f(x) lm_head.weight",
        "One score for every vocabulary entry, in the prompt's rows as in the response's: the forward "
        "pass knows no loss mask.",
        {"logits": "B, T, V"},
    ),
    Spec(
        "probabilities",
        "probs = exp(logits) / Σ over V of exp(logits)",
        "Every row sums to 1 and guesses the next token; of all its entries, the loss reads only the "
        "target's.",
        {"probs": "B, T, V", "candidates": ""},
    ),
    Spec(
        "NLL",
        "nll[t] = −log probs[t, targets[t]], in nats",
        "The sum over all targets is −log P(x, y); the mask will decide which of these terms are trained.",
        {"nll": "B, T"},
    ),
)

LOSS = (
    Spec(
        "loss mask",
        "loss_mask[t] = 1 where the target is response or <eos>,   w where it is prompt",
        "One weight for every target is the whole idea; all values before this step are the same under "
        "every loss.",
        {"loss_mask": "B, T"},
    ),
    Spec(
        "loss",
        "loss = Σ loss_mask · nll / Σ loss_mask",
        "Each loss is a mean over its own weights, so the numbers of two losses cannot be compared.",
        {"loss": ""},
    ),
)
