"""The texts of the steps on the way up: title, formula, what to notice, which arrays to show.

The texts must hold for every model, row and loss. Numbers come from the trace itself.
"""

from typing import NamedTuple


class Spec(NamedTuple):
    """One step's texts. arrays is {dotted name: axes}; in a block, names begin after "h.0.".

    A name without axes is that of a table in text.TABLES.
    """

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
        "Position t reads token t and predicts token t + 1. So the role of the target decides whether a row "
        "carries loss, not the role of the input. The model sees only ids: nothing in them tells prompt from "
        "response.",
        {"tokens": ""},
    ),
    Spec(
        "embeddings",
        "x[t] = wte[ids[t]] + wpe[t]",
        "What the token is, plus where it stands. The sum x is the residual stream. Every block adds its "
        "part to it.",
        {"wte": X, "wpe": "T, C", "x": X},
    ),
)

BLOCK = (
    Spec(
        "norm ln_1",
        f"ln_1(x): {NORM}",
        "Each row is rescaled alone. No row looks at another row here.",
        {"ln_1": X},
    ),
    Spec(
        "q, k, v",
        "q | k | v = ln_1(x) c_attn.weight + c_attn.bias, cut into H heads of D = C / H channels",
        "What a row looks for (q), how others find it (k), and what it then hands over (v).",
        {"attn.q": HEADS, "attn.k": HEADS, "attn.v": HEADS},
    ),
    Spec(
        "scores",
        "scores = q kᵀ / √D",
        "Row i asks, column j answers. Scores of the future (j > i) are not used: −1e30 is added to them "
        "before the softmax.",
        {"attn.scores": SCORES},
    ),
    Spec(
        "attention weights",
        "weights[i, j] = exp(scores[i, j]) / Σ over j' ≤ i of exp(scores[i, j']),   0 for j > i",
        "Every row sums to 1. The future has exactly 0. The first row can only look at itself.",
        {"attn.weights": SCORES},
    ),
    Spec(
        "mix",
        "mix = weights v",
        "Row t becomes an average of the values of rows 0 to t. Attention is the only part of the model "
        "where rows meet.",
        {"attn.mix": HEADS},
    ),
    Spec(
        "projection, x",
        "x = x + merge(mix) c_proj.weight + c_proj.bias",
        "The result of attention is added to x. It does not replace x.",
        {"attn.c_proj": X, "attn.x": X},
    ),
    Spec(
        "norm ln_2",
        f"ln_2(x): {NORM}",
        "The same norm, with its own weight and bias, just below the MLP.",
        {"ln_2": X},
    ),
    Spec(
        "MLP hidden",
        "c_fc = ln_2(x) c_fc.weight + c_fc.bias",
        "There are now four times as many channels. This again works row by row.",
        {"mlp.c_fc": "B, T, 4C"},
    ),
    Spec(
        "GELU",
        "gelu(u) = u (1 + tanh(√(2/π) (u + 0.044715 u³))) / 2",
        "Large positive numbers pass almost unchanged. Large negative numbers become almost 0.",
        {"mlp.gelu": "B, T, 4C"},
    ),
    Spec(
        "MLP output, x",
        "x = x + gelu c_proj.weight + c_proj.bias",
        "The result is added to the stream again. The next block, or the final norm, reads this x.",
        {"mlp.c_proj": X, "mlp.x": X},
    ),
)

PREDICT = (
    Spec(
        "final norm",
        f"ln_f(x): {NORM}",
        "Rows are rescaled for the last time. Then the head reads them.",
        {"ln_f": X},
    ),
    Spec(
        "logits",
        "logits = ln_f(x) lm_head.weight",
        "Each row has one score for every vocabulary entry, in the prompt as in the response: the forward "
        "pass knows no loss mask.",
        {"logits": "B, T, V"},
    ),
    Spec(
        "probabilities",
        "probs = exp(logits) / Σ over V of exp(logits)",
        "Every row sums to 1 and guesses the next token. The loss reads only one of its entries: the "
        "target's.",
        {"probs": "B, T, V"},
    ),
    Spec(
        "NLL",
        "nll[t] = −log probs[t, targets[t]], in nats",
        "The sum over all targets is −log P(x, y). The mask will decide which of these terms are trained.",
        {"nll": "B, T"},
    ),
)

LOSS = (
    Spec(
        "loss mask",
        "loss_mask[t] = 1 where the target is response or <eos>,   w where it is prompt",
        "One loss weight for every target: this is the whole idea. All values below this step are the same "
        "under every loss.",
        {"loss_mask": "B, T"},
    ),
    Spec(
        "loss",
        "loss = Σ loss_mask · nll / Σ loss_mask",
        "Each loss is a mean with its own loss weights, so do not compare the numbers of two losses.",
        {"loss": ""},
    ),
)
