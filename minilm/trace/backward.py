"""The texts of the steps on the way down, from dnll to the embeddings: forward.py's counterpart.

Arrays have their names from the way up: {"ln_2": ...} shows the gradient dln_2.
"""

from .forward import HEADS, SCORES, Spec, X

HEAD = (
    Spec(
        "dnll",
        "dnll = loss_mask / Σ loss_mask",
        "Here the losses part: only this array differs between them. A loss weight of 0 gives exactly 0.",
        {"nll": "B, T"},
    ),
    Spec(
        "dlogits",
        "dlogits[t] = (probs[t] − onehot(targets[t])) · dnll[t]",
        "The target's entry is negative (its logit should rise), all other entries are positive. A row of "
        "loss weight 0 is exactly 0.",
        {"logits": "B, T, V"},
    ),
    Spec(
        "dln_f, dx",
        "dln_f = dlogits lm_head.weightᵀ,   dx = (dy − mean(dy) − y mean(dy · y)) / std,   with dy = dln_f · "
        "weight, y = (x − mean(x)) / std",
        "The head and the final norm work row by row: a row that arrives as exact 0 leaves as exact 0.",
        {"ln_f": X, "{last}": X},
    ),
)

BLOCK = (
    Spec(
        "dgelu",
        "dgelu = dx mlp.c_proj.weightᵀ",
        "x = x + MLP sends dx two ways: unchanged along the stream, and into the MLP, as shown here.",
        {"mlp.gelu": "B, T, 4C"},
    ),
    Spec(
        "dc_fc",
        "dc_fc = dgelu · gelu'(c_fc)",
        "Each entry is multiplied by the slope of GELU at its own input. The slope is close to 0 for large "
        "negative inputs.",
        {"mlp.c_fc": "B, T, 4C"},
    ),
    Spec(
        "dln_2",
        "dln_2 = dc_fc c_fc.weightᵀ",
        "The MLP works row by row, so no gradient has moved from one position to another so far.",
        {"ln_2": X},
    ),
    Spec(
        "dx before the MLP",
        "dx = dx (along the stream) + dx (back through ln_2)",
        "x was used twice on the way up, so its two gradients are added on the way down.",
        {"attn.x": X},
    ),
    Spec(
        "dmix",
        "dmix = split(dx attn.c_proj.weightᵀ) into heads",
        "Still row by row. Queries stay apart in dweights, dscores and dq, too; dk and dv mix the rows.",
        {"attn.mix": HEADS},
    ),
    Spec(
        "dweights",
        "dweights = dmix vᵀ",
        "This says how the loss changes with each attention weight. The future has numbers here, too: its "
        "weights of 0 enter only in the next step.",
        {"attn.weights": SCORES},
    ),
    Spec(
        "dscores",
        "dscores = weights · (dweights − Σ over j of weights · dweights)",
        "The future is exactly 0 again. The first row is 0, too: it has nothing to choose from. Every row "
        "sums to 0 up to rounding.",
        {"attn.scores": SCORES},
    ),
    Spec(
        "dq, dk, dv",
        "dq = dscores k / √D,   dk = dscoresᵀ q / √D,   dv = weightsᵀ dmix",
        "The transposes carry gradient from the rows that looked to the rows that they looked at. This is "
        "how a prompt row without loss of its own gets gradient.",
        {"attn.q": HEADS, "attn.k": HEADS, "attn.v": HEADS},
    ),
    Spec(
        "dln_1",
        "dln_1 = (dq | dk | dv) c_attn.weightᵀ",
        "The three parts meet again, each in its own row.",
        {"ln_1": X},
    ),
    Spec(
        "dx before attention",
        "dx = dx (along the stream) + dx (back through ln_1)",
        "This is the second fork of the block. This dx goes down to the block below, or to the embeddings.",
        {"{before}": X},
    ),
)

READ = (
    Spec(
        "dembeddings",
        "dwte[ids[t]] += dx[t],   dwpe[t] += dx[t]",
        "Each row of dx goes to the token and to the position that it came from. Tokens that were not read "
        "get exactly 0. A position whose dlogits are exactly 0 can still have gradient here: it came "
        "through attention.",
        {"x": X},
    ),
    Spec(
        "parameter norms",
        "norm = √ Σ of squares, for every tensor",
        "A loss mask selects terms of the loss, not parameters. The sizes also differ because each mean has "
        "its own denominator.",
        {"grads": ""},
    ),
)
