"""Set-ups of TRL's SFTTrainer, right ones and ones with a planted fault, as their users write them."""

import itertools

import chat_rows
import torch
import trl
from chat_rows import TOOL_CHATS, make_row
from small_models import CHATS, PAIRS, make_chats, make_tokenizer
from spoilers import (
    add_kl,
    from_logits,
    keep_apart_without_reset,
    light_first_of_documents,
    light_pads,
    light_when_flat,
    reduce_by,
    shift_once_more,
    take_mask_as_attention,
    then,
    train_all,
)
from trl_trainers import (
    CHATML,
    TEMPLATES,
    list_templates,
    make_conversational_pairs,
    make_pair_rows,
    make_templated,
    make_trainer,
)

from minilm import diagnose

# ---------------------------------------------------------------- right


def diagnose_pairs(rows=None, pairs=PAIRS, meant=None, **settings):
    """The report on a trainer of pairs."""
    trainer = make_trainer(rows or make_pair_rows(), make_tokenizer(), **settings)
    return diagnose.trainer(trainer, pairs, **(meant or {}))


def diagnose_chats(given=True, chats=CHATS, template=CHATML, meant=None, **settings):
    """The report on a trainer of conversations, with assistant_only_loss; `given`: with the examples."""
    rows = make_chats(chats)
    settings = {"assistant_only_loss": True, **settings}
    trainer = make_trainer(rows, make_tokenizer(template, "<|im_end|>"), **settings)
    return diagnose.trainer(trainer, rows if given else None, **(meant or {}))


def diagnose_template(name):
    """The report on one of TRL's own templates."""
    return diagnose.trainer(*make_templated(name))


def diagnose_last_answers(**settings):
    """The report on conversational pairs: the last answer is the completion."""
    rows = make_conversational_pairs()
    trainer = make_trainer(rows, make_tokenizer(CHATML, "<|im_end|>"), **settings)
    return diagnose.trainer(trainer, rows)


def diagnose_tools(name="qwen3"):
    """The report on conversations with tool outputs in a template that has a place for them."""
    template = (TEMPLATES / f"{name}_training.jinja").read_text(encoding="utf-8")
    rows = make_chats(TOOL_CHATS)
    trainer = make_trainer(rows, make_tokenizer(template, "<|im_end|>"), assistant_only_loss=True)
    return diagnose.trainer(trainer, rows)


PACKED = {"packing": True, "max_length": 80}
RIGHT = [
    *[(f"template {name}", lambda name=name: diagnose_template(name)) for name in list_templates()],
    ("tool outputs", diagnose_tools),
    ("completion_only_loss", diagnose_pairs),
    ("completion_only_loss, conversational", diagnose_last_answers),
    ("completion_only_loss, truncation that cuts nothing", lambda: diagnose_pairs(max_length=64)),
    ("padding_free", lambda: diagnose_chats(padding_free=True)),
    ("padding_free, pairs", lambda: diagnose_pairs(padding_free=True)),
    ("packing bfd", lambda: diagnose_chats(**PACKED)),
    ("packing bfd, learned positions", lambda: diagnose_chats(model="gpt2", **PACKED)),
    ("packing bfd, pairs, shuffled", lambda: diagnose_pairs(shuffle_dataset=True, **PACKED)),
    ("packing bfd_split", lambda: diagnose_chats(packing_strategy="bfd_split", **PACKED)),
    ("packing wrapped, from rows", lambda: diagnose_chats(False, packing_strategy="wrapped", **PACKED)),
    ("pad_to_multiple_of", lambda: diagnose_chats(pad_to_multiple_of=16)),
    ("label smoothing", lambda: diagnose_chats(label_smoothing_factor=0.1)),
    ("accumulation", lambda: diagnose_chats(gradient_accumulation_steps=4)),
    ("accumulation, padding_free", lambda: diagnose_pairs(gradient_accumulation_steps=2, padding_free=True)),
    ("dft loss", lambda: diagnose_chats(loss_type="dft")),
    ("bfloat16", lambda: diagnose_chats(model_settings={"dtype": torch.bfloat16})),
    ("router loss", lambda: diagnose_chats(model="moe")),
    ("router loss, padding_free", lambda: diagnose_chats(model="moe", padding_free=True)),
    ("router loss, accumulation", lambda: diagnose_chats(model="moe", gradient_accumulation_steps=2)),
    ("whole sequence", lambda: diagnose_chats(assistant_only_loss=False, meant={"prompt_weight": 1.0})),
    ("from rows", lambda: diagnose_chats(False)),
    ("from rows, packing bfd", lambda: diagnose_chats(False, **PACKED)),
    ("from rows, accumulation", lambda: diagnose_chats(False, gradient_accumulation_steps=2)),
]


# ---------------------------------------------------------------- faulty


class MeanOfMeans(trl.SFTTrainer):
    """The loss is a micro-batch's own mean, though the window's count is handed over."""

    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        return super().compute_loss(model, inputs, return_outputs)


class RowMeans(trl.SFTTrainer):
    """The loss is the mean over rows of each row's mean."""

    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        return reduce_by(lambda nll, m: ((nll * m).sum(1) / m.sum(1).clamp(min=1)).mean())(model, inputs)


class CountAll(trl.SFTTrainer):
    """The loss divides by all places."""

    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        return reduce_by(lambda nll, m: (nll * m).mean())(model, inputs)


class TrainAll(trl.SFTTrainer):
    """The labels are made anew from the inputs."""

    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        return train_all(model, inputs)


class ShiftOnceMore(trl.SFTTrainer):
    """The labels are shifted before a loss that shifts them."""

    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        return shift_once_more(model, inputs)


class AddKL(trl.SFTTrainer):
    """A second term pulls all places, prompts too."""

    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        return from_logits(add_kl)(model, inputs)


def diagnose_rows(fault, given=True, **settings):
    """The report on rows with labels of one's own that have a fault."""
    tokenizer, chats = make_tokenizer(CHATML, "<|im_end|>"), make_chats(TOOL_CHATS)
    rows = [make_row(chat, tokenizer, chat_rows.FAULTS[fault]) for chat in chats]
    trainer = make_trainer(rows, tokenizer, **settings)
    return diagnose.trainer(trainer, chats if given else None)


def diagnose_spoilt(spoil, given=True, **settings):
    """The report on a trainer whose collator's batch is changed afterwards."""
    rows = make_chats()
    tokenizer = make_tokenizer(CHATML, "<|im_end|>")
    trainer = make_trainer(rows, tokenizer, assistant_only_loss=True, **settings)
    trainer.data_collator = then(trainer.data_collator, spoil)
    return diagnose.trainer(trainer, rows if given else None)


def forget_positions(batch, rows):
    """A flat batch without what tells its documents apart."""
    for name in ("position_ids", "cu_seq_lens_q", "cu_seq_lens_k", "seq_idx"):
        del batch[name]
    batch["attention_mask"] = torch.ones_like(batch["input_ids"])


def blank_stops(batch, rows):
    """The stop token is also the pad token, and pads are blanked by their id."""
    stop = make_tokenizer(CHATML, "<|im_end|>").convert_tokens_to_ids("<|im_end|>")
    batch["labels"] = torch.where(batch["input_ids"] == stop, -100, batch["labels"])


def diagnose_two_bos():
    """A template with <bos>, and a tokenizer that adds one."""
    rows = [{"prompt": "<|bos|><|bos|>" + prompt + " ", "completion": answer} for prompt, answer in PAIRS]
    return diagnose_pairs(rows)


NO_STOP = CHATML.replace(
    "m.content + '<|im_end|>' }}{% endgeneration %}", "m.content }}{% endgeneration %}<|im_end|>"
)
FAULTY = [
    *[
        (fault, lambda fault=fault, is_flat=is_flat: diagnose_rows(fault, padding_free=is_flat))
        for fault, is_flat in zip(chat_rows.FAULTS, itertools.cycle([True, False]), strict=False)
    ],
    ("mask_not_applied", lambda: diagnose_chats(assistant_only_loss=False)),
    ("mask_not_applied", lambda: diagnose_pairs(completion_only_loss=False)),
    ("mask_not_applied", lambda: diagnose_chats(trainer=TrainAll)),
    ("mask_not_applied", lambda: diagnose_chats(False, trainer=TrainAll)),
    ("eos_masked", lambda: diagnose_chats(template=NO_STOP)),
    ("eos_masked", lambda: diagnose_spoilt(blank_stops)),
    ("eos_masked", lambda: diagnose_spoilt(blank_stops, False)),
    ("shifted_twice", lambda: diagnose_chats(trainer=ShiftOnceMore)),
    ("shifted_twice", lambda: diagnose_chats(False, trainer=ShiftOnceMore)),
    ("mean_of_means", lambda: diagnose_chats(trainer=RowMeans)),
    ("mean_of_means", lambda: diagnose_chats(trainer=MeanOfMeans, gradient_accumulation_steps=2)),
    ("mean_of_means", lambda: diagnose_chats(False, trainer=MeanOfMeans, gradient_accumulation_steps=2)),
    ("denominator_counts_all", lambda: diagnose_chats(trainer=CountAll)),
    ("auxiliary_loss_unmasked", lambda: diagnose_chats(trainer=AddKL)),
    ("attention_mask_confused", lambda: diagnose_spoilt(take_mask_as_attention)),
    ("boundary_in_the_loss", lambda: diagnose_spoilt(light_first_of_documents, padding_free=True)),
    ("packing_drops_mask", lambda: diagnose_spoilt(light_when_flat, padding_free=True)),
    ("packing_contamination", lambda: diagnose_spoilt(forget_positions, **PACKED)),
    ("packing_contamination", lambda: diagnose_spoilt(forget_positions, False, **PACKED)),
    ("positions_not_reset", lambda: diagnose_spoilt(keep_apart_without_reset, model="gpt2", **PACKED)),
    ("pads_in_the_loss", lambda: diagnose_spoilt(light_pads)),
    ("double_bos", diagnose_two_bos),
    ("eos_cut", lambda: diagnose_pairs(max_length=20)),
]


def count():
    """(right set-ups, false alarms, faults planted, faults named) of all set-ups of this file."""
    alarms = sum(bool(report().findings) for _, report in RIGHT)
    named = sum(fault in [finding.fault for finding in report().findings] for fault, report in FAULTY)
    return len(RIGHT), alarms, len(FAULTY), named
