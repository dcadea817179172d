"""A run's history as a figure that says which loss trained, and its caption."""

import textwrap

from . import masked_vs_full, plots

ALT = (
    "Three line charts of one run over training steps: held-out exact match, negative log-likelihood "
    "of the answers, negative log-likelihood of the prompts."
)


def draw(result):
    """`masked_vs_full.draw` of one run: title above, caption below.

    `result`: "history" (a list of entries), "settings" (at least prompt_weight, seed, steps) and
    "uniform" (ln V).
    """
    weight = f"{result['settings']['prompt_weight']:g}"
    settings = {"steps": result["history"][-1]["step"]}  # a run that was stopped ends before its last step
    runs = {weight: [result["history"]]}
    figure = masked_vs_full.draw(
        {**result, "runs": runs, "settings": settings, "entropy_floor": None, "base_steps": None}
    )
    title = f"trained with {name_loss(result['settings'])}, measured on held-out rows"
    figure.suptitle(title, fontsize=plots.FONT + 2)
    text = caption(result).replace("-log P", "-log\u00a0P")  # no line break inside a term
    figure.supxlabel(textwrap.fill(text, 120), fontsize=plots.FONT - 1)
    return figure


def caption(result):
    """What the figure shows, in one sentence with its last numbers."""
    settings, last = result["settings"], result["history"][-1]
    return (
        f"One run with {name_loss(settings)}, seed {settings['seed']}, after "
        f"{last['step']} of {settings['steps']} steps: exact match {last['exact_match']:.3f}, "
        f"-log P(y|x) {last['response_nll']:.3f}, -log P(x) {last['prompt_nll']:.3f} nats per token, "
        f"uniform {result['uniform']:.2f}."
    )


def name_loss(settings):
    """The loss that trained, in words."""
    weight, policy = f"{settings['prompt_weight']:g}", settings.get("policy", "response")
    names = {"0": "masked loss (on answers only)", "1": "full loss (on prompts and answers)"}
    name = names.get(weight, f"prompt-loss weight {weight}")
    return name if policy == "response" else f"{name}, policy {policy!r}"
