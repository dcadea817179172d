"""The faults: loss-mask mistakes that real projects had, each planted by one small function.

    with faults.plant("mask_one_late"): ...      # any training or gradient code inside has the fault

A fault's function takes the place of a function of minilm. It receives the original first, then the
arguments of the call. Its docstring says what goes wrong, then how to recognise the fault. A row of
dlogits is called lit if it carries gradient, and dark if it is zero.

Left out: tokenizers that merge across the boundary, since minilm's never merge (the mask would look like
mask_one_late), and means of means over several machines, which are mean_of_means once more.
"""

import numpy as np

from . import data, masks, swap
from .planting import FAULTS, fault, plant, table  # noqa: F401


def shift_columns(array, places):
    """Move columns to the right, or to the left if negative; what comes in is 0."""
    moved = np.roll(array, places, axis=1)
    if places > 0:
        moved[:, :places] = 0
    else:
        moved[:, places:] = 0
    return moved


def light_all_targets(roles):
    """A mask of 1 on every target that is no pad."""
    return (roles != data.PAD) * 1.0


# ---------------------------------------------------------------- seen in rows of prompt and response


@fault("data.loss_mask", met_in="nanochat #570, Megatron-Bridge #3359, transformers #26357")
def mask_not_applied(original, roles, prompt_weight=0.0):
    """The mask is made and not used, or its markers are missing: every token carries loss.

    Rows that predict prompt tokens are lit, and the model learns to write prompts.
    """
    return light_all_targets(roles)


@fault("data.loss_mask", met_in="verl #3287, OpenRLHF #973, NeMo Speech #6409")
def mask_one_late(original, roles, prompt_weight=0.0):
    """The mask follows the token that is read: the first answer token is lost.

    The row that predicts the answer's first word is dark: after one-word answers only <eos> is
    trained, and the model answers with <eos>.
    """
    return shift_columns(original(roles, prompt_weight), 1) * (roles != data.PAD)


@fault("data.loss_mask", met_in="verl #3562, #5362")
def mask_one_early(original, roles, prompt_weight=0.0):
    """The mask comes one position too early: the last prompt token is lit, <eos> is lost.

    The row that predicts 'Assistant:' is lit, and the one that predicts <eos> is dark.
    """
    return shift_columns(original(roles, prompt_weight), -1)


@fault("data.loss_mask", met_in="no report known")
def mask_inverted(original, roles, prompt_weight=0.0):
    """Prompt and answer are exchanged: the model learns to ask.

    Prompt rows are lit and answer rows are dark: the model asks, and cannot answer.
    """
    return data.prompt_mask(roles)


@fault("data.loss_mask", met_in="TRL #976, transformers #23530, llm-course #33")
def eos_masked(original, roles, prompt_weight=0.0):
    """<eos> is masked, often because it is also the pad token: the model never stops.

    Answer rows are lit, the row that predicts <eos> is dark: answers begin well and run on.
    """
    return original(roles, prompt_weight) * (roles != data.EOS)


@fault("data.encode", met_in="torchtune #2792, MedicalGPT #157")
def eos_cut(original, example, tokenizer, bos=True, eos=True):
    """<eos> is cut off at the length limit: the model never stops.

    There is no <eos> among the targets at all: answers begin well and run on.
    """
    return original(example, tokenizer, bos, eos).take(slice(-1))


@fault("data.loss_mask", met_in="TRL #1920, #1183, #1820, unsloth #1262")
def marker_not_found(original, roles, prompt_weight=0.0):
    """The response marker is not found in some examples, which silently carry no loss.

    All rows of one example are dark, prompt and answer, and no warning says so.
    """
    is_found = np.arange(len(roles)) % 2 == 1  # in every second example
    return original(roles, prompt_weight) * is_found[:, None]


@fault("data.loss_mask", met_in="no report known")
def pads_in_the_loss(original, roles, prompt_weight=0.0):
    """Pads carry loss as if they were answers.

    Rows that predict <pad> are lit.
    """
    return original(roles, prompt_weight) + (roles == data.PAD)


@fault("data.collate", met_in="stanford_alpaca #45 (as a worry)")
def not_shifted(original, rows, prompt_weight=0.0):
    """Targets equal inputs: the model learns to copy what it reads.

    Every target is its own input: the training loss falls to almost nothing, and answers get worse.
    """
    batch = original(rows, prompt_weight)
    return batch._replace(targets=batch.ids)


@fault("data.collate", met_in="transformers #47394")
def shifted_twice(original, rows, prompt_weight=0.0):
    """Targets are shifted once by the data and once more by the loss: tokens are skipped.

    Every target is the word after next: the model skips words when it writes.
    """
    batch = original(rows, prompt_weight)
    return batch._replace(targets=shift_columns(batch.targets, -1))


@fault("data.encode", met_in="OpenRLHF #393, open-r1 #462")
def double_bos(original, example, tokenizer, bos=True, eos=True):
    """Template and tokenizer both add <bos>: one more token to read, no sign in the gradient.

    Two <bos> stand in front. Gradients and curves look healthy; only the tokens show it.
    """
    row = original(example, tokenizer, bos, eos)
    if not bos:
        return row
    return row.take(np.array([0, *range(len(row.tokens))]))


def divide_unguarded(nll, loss_mask, smallest):
    """The weighted mean without its check: an empty mask divides by `smallest`."""
    weights = np.asarray(loss_mask, dtype=nll.real.dtype)
    total = np.maximum(weights.sum(), smallest)
    with np.errstate(invalid="ignore"):
        return (weights * nll).sum() / total, (weights, total)


@fault("losses.weighted_mean_forward", met_in="nanochat #590, #618, #834")
def empty_mask_nan(original, nll, loss_mask):
    """A batch without supervised tokens divides 0 by 0, and NaN reaches every parameter.

    A mask of zeros gives NaN, which one unlucky batch carries into every parameter.
    """
    return divide_unguarded(nll, loss_mask, smallest=0.0)


@fault("losses.weighted_mean_forward", met_in="TRL #6668, #3927, LLaVA #1166")
def empty_mask_silent(original, nll, loss_mask):
    """A batch without supervised tokens has loss 0 and gradient 0: the run looks healthy.

    A mask of zeros gives a loss of 0 instead of an error.
    """
    return divide_unguarded(nll, loss_mask, smallest=1.0)


@fault("losses.weighted_mean_forward", met_in="d2l #2076, mlx-vlm #1392")
def denominator_counts_all(original, nll, loss_mask):
    """The mean divides by all B T positions, not by the R supervised ones: the gradient gets too small.

    More pads, which carry no loss weight, make the loss smaller.
    """
    loss, (weights, total) = original(nll, loss_mask)
    return loss * total / nll.size, (weights, nll.dtype.type(nll.size))


@fault("losses.weighted_mean_forward", met_in="transformers #34191, torchtune #1875, nanochat #400")
def mean_of_means(original, nll, loss_mask):
    """Examples are averaged first: short answers count more per token, and cutting a batch changes the loss.

    The loss of two examples is the plain mean of their losses, though the one with more answer tokens
    should count for more.
    """
    per_row = loss_mask / np.maximum(loss_mask.sum(axis=-1, keepdims=True), 1e-9)
    return original(nll, per_row)


def spread_over_all(original, dloss, cache):
    """The backward of a plain mean: every position gets its share."""
    weights, _ = cache
    return np.full_like(weights, dloss / weights.size), None


@fault(
    "losses.weighted_mean_forward",
    met_in="minimind #51",
    also={"losses.weighted_mean_backward": spread_over_all},
)
def mask_after_reduction(original, nll, loss_mask):
    """The mask is applied after the mean is taken: every target keeps its loss, pads too.

    Every row is lit, those of pads too, and more pads change the loss.
    """
    _, cache = original(nll, loss_mask)
    return nll.mean(), cache


@fault("losses.weighted_mean_backward", met_in="a NumPy GPT")
def gradient_scaled(original, dloss, cache):
    """Loss and gradient divide by different numbers: a gradient check is off by a constant factor.

    The gradient is not the slope of the loss, but a constant times it.
    """
    weights, _ = cache
    return dloss * weights / weights.size, None


@fault("losses.token_nll_backward", met_in="pytorch #73205")
def smoothing_ignores_mask(original, dnll, cache):
    """Label smoothing forgets the mask: it also reaches targets of loss weight 0.

    Rows of loss weight 0 are faintly lit, and the gradient is not the slope of the loss: something that
    is not in the loss reaches them.
    """
    probs, _ = cache
    share = 0.1  # of every label, spread evenly over the vocabulary
    dlogits, none = original((1 - share) * dnll, cache)
    return dlogits + share * dnll.max() * (probs - 1 / probs.shape[-1]), none


@fault("model.loss_and_grads", met_in="alpaca-lora #532")
def attention_mask_confused(original, params, ids, targets, loss_mask, config, documents=None):
    """The loss mask is used as attention mask: the answer cannot read the prompt.

    Other prompts leave the loss of the answers exactly as it was: no answer reads its prompt.
    """
    carries_loss = np.concatenate([np.zeros((len(ids), 1)), loss_mask[:, :-1]], axis=1) > 0
    itself = np.eye(ids.shape[1], dtype=bool)  # every position reads itself at least
    readable = carries_loss[:, None, None, :] | itself

    def softmax(scores, causal):
        return causal_softmax(scores, causal & readable)

    with swap("layers.causal_softmax_forward", softmax) as causal_softmax:
        return original(params, ids, targets, loss_mask, config, documents)


# ---------------------------------------------------------------- seen in conversations of several turns


@fault("data.collate", met_in="GLM-4 #803, NeMo Speech #16284", shown_by="turns")
def last_turn_only(original, rows, prompt_weight=0.0):
    """Only the last assistant turn carries loss: earlier answers are read, never learned.

    Of several answers in a conversation, only the rows of the last are lit.
    """
    batch = original(rows, prompt_weight)
    is_last = masks.last_turn(batch.roles, batch.turns, batch.documents)
    return batch._replace(loss_mask=batch.loss_mask * is_last)


@fault("data.loss_mask", met_in="ARPO #9", shown_by="turns")
def tool_output_trained(original, roles, prompt_weight=0.0):
    """Tool output carries full loss in fine-tuning: the model learns to invent results.

    Rows that predict what a tool returned are lit. A small loss weight on them is a method elsewhere
    (ECHO, arXiv 2605.24517; PaW, arXiv 2606.02388).
    """
    return original(roles, prompt_weight) + (roles == data.TOOL)


@fault("data.encode", met_in="prime-rl #2644, slime #514", shown_by="turns")
def stop_in_next_message(original, example, tokenizer, bos=True, eos=True):
    """The stop token is written in front of the next message, not after the answer: turns never end.

    Rows that predict <eos> are dark between messages, and no <eos> follows the last answer.
    """
    row = original(example, tokenizer, bos, eos)
    if row.roles[-1] == data.EOS:
        row = row.take(slice(-1))
    return row._replace(roles=np.where(row.roles == data.EOS, data.HEADER, row.roles))


# ---------------------------------------------------------------- seen in packed rows


@fault("data.collate", met_in="TRL #3728, #3749", shown_by="packing")
def packing_drops_mask(original, rows, prompt_weight=0.0):
    """Packing loses the mask: right example by example, every token carries loss when packed.

    An example alone is right; packed with another, the rows that predict its prompt are lit, too.
    """
    batch = original(rows, prompt_weight)
    if batch.documents is None or batch.documents.max() == 0:
        return batch
    return batch._replace(loss_mask=light_all_targets(batch.roles))


@fault("model.loss_and_grads", met_in="functionary #265, nanoVLM #204", shown_by="packing")
def packing_contamination(original, params, ids, targets, loss_mask, config, documents=None):
    """In a packed row, a document reads its neighbour.

    Another first document changes the loss of the second one's answer.
    """
    return original(params, ids, targets, loss_mask, config)


@fault("data.loss_mask", met_in="transformers #25452, torchtitan #4075", shown_by="packing")
def boundary_in_the_loss(original, roles, prompt_weight=0.0):
    """In a packed row, a document's <eos> is trained to predict the next one's start.

    The row that reads a document's <eos> and predicts the next one's <bos> is lit.
    """
    return original(roles, prompt_weight) + (roles == data.BOS)
