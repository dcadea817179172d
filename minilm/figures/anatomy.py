"""Where gradient is and is not, on one example. A random model: no training, no spread."""

from dataclasses import asdict

import numpy as np

from .. import data, recording
from . import identities, tasks

ALT = (
    "Two bar charts, one group of bars a token, one bar a loss. Left, gradient norms at the "
    "logits: the masked bars of the prompt's targets are 0, those at weight 0.1 small, those of full "
    "loss large, and all three are equal at the answer. Right, gradient norms at the embeddings: none is 0."
)


def compute(seeds=(0,), workers=0, report=None, steps=None, quick=False):
    """Norms of dL/dlogits and dL/dembedding at every position of the six-token example.

    L = sum of loss weight * nll, for masked, weight 0.1 and full loss, in the first seed's model;
    there is nothing to train.
    """
    tokenizer, row, config, params = identities.seed_example(seeds[0])
    batch = data.collate([row])
    result = {
        "inputs": [tokenizer.show(i) for i in batch.ids[0]],
        "targets": [tokenizer.show(i) for i in batch.targets[0]],
        "config": asdict(config),
        "seeds": [seeds[0]],
        "dlogits": {},
        "dembedding": {},
    }
    for weight in tasks.WEIGHTS:
        mask = data.loss_mask(batch.roles, weight)
        with recording("losses.token_nll_backward") as dlogits, recording("model.attn_block_backward") as dx:
            identities.sum_grads(params, batch, mask, config)
        for key, (gradient, *_) in (("dlogits", dlogits[-1]), ("dembedding", dx[-1])):
            result[key][f"{weight:g}"] = np.sqrt((gradient[0] ** 2).sum(axis=-1)).tolist()
    return result


def caption(result):
    """Where the mask zeroes the gradient and where it does not, in numbers."""
    logits, embedding = result["dlogits"], result["dembedding"]
    masked, full = logits["0"][:-1], logits["1"][:-1]
    return (
        f"{choose_takeaway(masked, embedding['0'])} On 'User: What is 2+2? Assistant: 4', masking makes "
        f"{masked.count(0.0)} of {len(masked)} prompt rows of dL/dlogits exactly 0 (full loss: "
        f"{min(full):.2f} to {max(full):.2f}) and leaves the row that predicts '4' at "
        f"{logits['0'][-1]:.2f} under every loss; every prompt token's embedding gets gradient of norm "
        f"{min(embedding['0']):.2f} to {max(embedding['0']):.2f} from the answer "
        f"(random 2-layer model of {result['config']['n_embd']} channels, float64, summed loss, one seed)."
    )


def choose_takeaway(masked_logits, masked_embeddings):
    """The figure in one sentence, if its numbers say so."""
    if any(masked_logits) or min(masked_embeddings) == 0:
        return "Here the mask does not do what it should: look for the fault."
    return (
        "The mask makes the gradient exactly 0 at the logits of the prompt's targets, "
        "yet every prompt embedding still gets gradient from the answer."
    )


def draw(result):
    """Gradient norms at the logits (left) and at the embeddings (right)."""
    from . import plots  # matplotlib, only where something is drawn

    figure = plots.new_figure(10, 4.6)
    left, right = figure.subplots(1, 2)
    titles = (
        "at the logits, a row for each target:\nmasked rows are exactly 0",
        "at the embeddings, a row for each input:\nattention still brings gradient",
    )
    panels = zip((left, right), ("dlogits", "dembedding"), ("targets", "inputs"), titles, strict=True)
    for axes, key, tokens, title in panels:
        draw_bars(axes, result[key], plots.STYLE, plots.FONT)
        axes.set_xticks(range(len(result[tokens])), result[tokens], rotation=20)
        axes.set_title(title, fontsize=plots.FONT)
    left.set_ylabel("norm of dL/dlogits", fontsize=plots.FONT)
    right.set_ylabel("norm of dL/dembedding (log)", fontsize=plots.FONT)
    right.set_yscale("log")
    labels = left.get_legend_handles_labels()
    figure.legend(*labels, frameon=False, fontsize=plots.FONT, ncols=3, loc="outside lower center")
    return figure


def draw_bars(axes, norms, styles, font):
    """One group of bars a position, one bar a loss; a bar of height 0 is marked "0"."""
    for k, (weight, heights) in enumerate(norms.items()):
        style = styles[weight]
        x = np.arange(len(heights)) + (k - 1) * 0.27
        axes.bar(x, heights, 0.25, color=style["color"], label=style["label"])
        for place, height in zip(x, heights, strict=True):
            if height == 0:
                axes.text(place, 0, "0", ha="center", va="bottom", color=style["color"], fontsize=font)
    axes.spines[["top", "right"]].set_visible(False)
