"""By what each fault is known, for who has just named it, or another."""

SIGNS = {
    "healthy": "The rows that predict answer and <eos> are lit, no others, and every measurement agrees.",
    "mask_not_applied": "Rows of dlogits are lit at prompt targets; the model learns to write prompts.",
    "mask_one_late": (
        "The row that predicts the answer's first word is dark: after one-word answers only <eos> is "
        "trained, and the model answers with <eos>."
    ),
    "mask_one_early": "The row that predicts 'Assistant:' is lit and the one that predicts <eos> is dark.",
    "mask_inverted": "Prompt rows are lit and answer rows are dark: it asks, and cannot answer.",
    "eos_masked": "Answer rows are lit, the row that predicts <eos> is dark: answers come and do not end.",
    "eos_cut": "No <eos> stands among the targets at all: answers come and do not end.",
    "marker_not_found": "All rows of one example are dark, prompt and answer, and nobody said a word.",
    "pads_in_the_loss": "Rows that predict <pad> are lit.",
    "not_shifted": "Every target is its own input: train loss falls to almost nothing, answers get worse.",
    "shifted_twice": "Every target is the word after next: what it writes skips words.",
    "double_bos": "Two <bos> stand in front. Gradients and curves look healthy; only the tokens tell.",
    "empty_mask_nan": "A mask of zeros gives NaN, which one unlucky batch carries into every weight.",
    "empty_mask_silent": "A mask of zeros gives a loss of 0 instead of an error: such a run looks well.",
    "denominator_counts_all": "More pads, which carry no weight, make the loss smaller.",
    "mean_of_means": (
        "The loss of two rows is the plain mean of the rows' losses, though the second has more answer "
        "tokens: it should weigh them by their number."
    ),
    "mask_after_reduction": "Every row is lit, those of pads too, and more pads move the loss.",
    "gradient_scaled": "The gradient is not the slope of the loss, but a constant times it.",
    "smoothing_ignores_mask": (
        "Masked rows are lit, faintly, and the gradient is not the slope of the loss: something reaches "
        "them that is not in the loss."
    ),
    "attention_mask_confused": "Other prompts leave the answers' loss exactly as it was: they are not read.",
}
