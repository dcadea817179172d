"""The bug zoo: loss-mask faults that real projects had, each as the smallest change that plants it.

    with faults.plant("mask_one_late"): ...      # any training or gradient code inside has the fault

A fault swaps functions of minilm (minilm.swap); nothing is written a second time. Left out: tokenisers
that merge across the boundary, since minilm's never merge (their mask looks like mask_one_late), and
means of means over several machines, which are mean_of_means once more.
"""

import contextlib
from typing import NamedTuple

from . import data, swap
from . import fault_changes as changes


class Fault(NamedTuple):
    """What goes wrong, where it was met, {"module.function": original -> replacement}, and what
    shows it: "rows" of prompt and response, conversations of several "turns", or "packing"."""

    sentence: str
    met_in: str
    swaps: dict
    shown_by: str = "rows"


@contextlib.contextmanager
def plant(name):
    """Everything inside the block has this fault. Raises ValueError, listing all, for an unknown one."""
    if name not in FAULTS:
        raise ValueError(f"there is no fault {name!r}; there are {', '.join(FAULTS)}")
    with contextlib.ExitStack() as stack:
        for place, make in FAULTS[name].swaps.items():
            put(stack, place, make)
        yield FAULTS[name]


def put(stack, place, make):
    """Swap the function at `place` for what `make` makes of it, until the stack closes."""

    def call(*args, **kwargs):
        return make(original)(*args, **kwargs)

    original = stack.enter_context(swap(place, call))


FAULTS = {
    "mask_not_applied": Fault(
        "The mask is made and not used, or its markers are missing: every token carries loss.",
        "nanochat #570, Megatron-Bridge #3359, transformers #26357",
        changes.mask(changes.all_targets),
    ),
    "mask_one_late": Fault(
        "The mask follows the token that is read: the first answer token is lost.",
        "verl #3287, OpenRLHF #973, NeMo Speech #6409",
        changes.mask(lambda weights, roles: changes.shifted(weights, 1) * (roles != data.PAD)),
    ),
    "mask_one_early": Fault(
        "The mask comes a place too soon: the last prompt token is lit, <eos> is lost.",
        "no report known",
        changes.mask(lambda weights, roles: changes.shifted(weights, -1)),
    ),
    "mask_inverted": Fault(
        "Prompt and answer are exchanged: the model learns to ask.",
        "no report known",
        changes.mask(lambda weights, roles: data.prompt_mask(roles)),
    ),
    "eos_masked": Fault(
        "<eos> is masked, often since the pad token is the same: the model never stops.",
        "TRL #976, transformers #23530, llm-course #33",
        changes.mask(lambda weights, roles: weights * (roles != data.EOS)),
    ),
    "eos_cut": Fault(
        "<eos> is cut off at the length limit: the model never stops.",
        "torchtune #2792, MedicalGPT #157",
        {"data.encode": changes.without_last},
    ),
    "marker_not_found": Fault(
        "The response marker is not found in some rows, which silently carry no loss.",
        "TRL #1920, #1183, #1820, unsloth #1262",
        changes.mask(changes.some_rows_empty),
    ),
    "pads_in_the_loss": Fault(
        "Pads carry loss as if they were answers.",
        "no report known",
        changes.mask(lambda weights, roles: weights + (roles == data.PAD)),
    ),
    "not_shifted": Fault(
        "Targets equal inputs: the model learns to copy what it reads.",
        "stanford_alpaca #45 (as a worry)",
        changes.batch(lambda b: b._replace(targets=b.ids)),
    ),
    "shifted_twice": Fault(
        "Targets are shifted once by the data and once by the loss: tokens are skipped.",
        "transformers #47394",
        changes.batch(lambda b: b._replace(targets=changes.shifted(b.targets, -1))),
    ),
    "double_bos": Fault(
        "Template and tokenizer both add <bos>: one more token to read, no sign in the gradient.",
        "OpenRLHF #393, open-r1 #462",
        {"data.encode": changes.twice},
    ),
    "empty_mask_nan": Fault(
        "A batch without supervised tokens divides 0 by 0, and NaN reaches every weight.",
        "nanochat #590, #618, #834",
        changes.unguarded(0.0),
    ),
    "empty_mask_silent": Fault(
        "A batch without supervised tokens has loss 0 and gradient 0: a run that looks well.",
        "TRL #6668, #3927, LLaVA #1166",
        changes.unguarded(1.0),
    ),
    "denominator_counts_all": Fault(
        "The mean divides by all places, so answers get a gradient too small by R / (B T).",
        "d2l #2076, mlx-vlm #1392",
        {"losses.weighted_mean_forward": changes.counted_in_full},
    ),
    "mean_of_means": Fault(
        "Rows are averaged first: tokens of short answers weigh more, and a split batch differs.",
        "transformers #34191, torchtune #1875, nanochat #400",
        {"losses.weighted_mean_forward": changes.mean_of_row_means},
    ),
    "mask_after_reduction": Fault(
        "The mask is applied after the mean was taken: every target keeps its loss, pads too.",
        "minimind #51",
        {
            "losses.weighted_mean_forward": changes.mean_first,
            "losses.weighted_mean_backward": changes.lit_everywhere,
        },
    ),
    "gradient_scaled": Fault(
        "Loss and gradient divide by different numbers: a gradient check is off by a constant.",
        "a NumPy GPT",
        {"losses.weighted_mean_backward": changes.scaled},
    ),
    "smoothing_ignores_mask": Fault(
        "Label smoothing reaches masked rows.",
        "pytorch #73205",
        {"losses.token_nll_backward": changes.smoothed},
    ),
    "attention_mask_confused": Fault(
        "The loss mask is used as attention mask: the answer cannot read the prompt.",
        "alpaca-lora #532",
        {"model.loss_and_grads": changes.hidden_prompt},
    ),
    "last_turn_only": Fault(
        "Only the last assistant turn carries loss: earlier answers are read, never learned.",
        "GLM-4 #803, NeMo Speech #16284",
        changes.batch(changes.last_turn),
        "turns",
    ),
    "tool_output_trained": Fault(
        "Tool output carries loss: the model learns to invent results.",
        "ARPO #9",
        changes.mask(lambda weights, roles: weights + (roles == data.TOOL)),
        "turns",
    ),
    "stop_in_next_message": Fault(
        "The stop token is written in front of the next message, not after the answer: turns never end.",
        "prime-rl #2644, slime #514",
        {"data.encode": changes.stop_moved},
        "turns",
    ),
    "packing_drops_mask": Fault(
        "Packing loses the mask: right row by row, every token carries loss when packed.",
        "TRL #3728, #3749",
        changes.batch(changes.unmasked_when_packed),
        "packing",
    ),
    "packing_contamination": Fault(
        "In a packed row, a document reads its neighbour.",
        "functionary #265, nanoVLM #204",
        {"model.loss_and_grads": changes.documents_forgotten},
        "packing",
    ),
    "boundary_in_the_loss": Fault(
        "In a packed row, a document's <eos> is trained to predict the next one's start.",
        "transformers #25452, torchtitan #4075",
        changes.mask(lambda weights, roles: weights + (roles == data.BOS)),
        "packing",
    ),
}


def table():
    """The zoo as a Markdown table: name, what goes wrong, where it was met."""
    lines = ["| fault | what goes wrong | met in |", "|---|---|---|"]
    lines += [f"| `{name}` | {fault.sentence} | {fault.met_in} |" for name, fault in FAULTS.items()]
    return "\n".join(lines)
