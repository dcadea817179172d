"""Faults of the tokens and targets under a right mask, and of what an answer can read."""

import numpy as np

from .. import data, swap
from ..tokenizer import BOS_ID, EOS_ID
from .arrays import shift_columns
from .planting import fault


@fault("data.encode", met_in="torchtune #2792, MedicalGPT #157")
def eos_cut(original, example, tokenizer, bos=True, eos=True):
    """<eos> is cut off at the length limit: the model never stops.

    There is no <eos> among the targets at all: answers begin well and run on.
    """
    return original(example, tokenizer, bos, eos).take(slice(-1))


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


@fault("data.encode", met_in="SambaNova generative_data_prep #60, trlx #287")
def bos_eos_inside(original, example, tokenizer, bos=True, eos=True):
    """Prompt and answer are tokenized apart, each with <bos> and <eos>: a second pair stands inside.

    <eos> and <bos> stand between prompt and answer, dark as the prompt is: the mask looks right. Asked
    without them, the model answers worse.
    """
    row = original(example, tokenizer, bos, eos)
    inside = [token for token, is_added in ((EOS_ID, eos), (BOS_ID, bos)) if is_added]
    is_answer = row.roles == data.RESPONSE
    starts = np.flatnonzero(is_answer[1:] & ~is_answer[:-1]) + 1
    repeated = np.repeat(starts, len(inside))
    places = np.insert(np.arange(len(row.tokens)), repeated, repeated - 1)  # all but the ids as before it
    return row.take(places)._replace(tokens=np.insert(row.tokens, repeated, np.tile(inside, len(starts))))


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
