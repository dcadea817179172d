"""Set-ups of torch loops with transformers' models, collators and Trainer; right ones and faulty ones."""

import itertools
import tempfile

import chat_rows
import datasets
import transformers
from chat_rows import TOOL_CHATS, make_row
from small_models import CHATS, encode_with, make_chats, make_model, make_tokenizer
from spoilers import (
    add_kl,
    add_loss_mask,
    add_z_loss,
    cut_last_tokens,
    from_logits,
    keep_apart_without_reset,
    light_first_of_documents,
    light_pads,
    light_when_flat,
    mask_prefix_by_column,
    reduce_by,
    reduce_by_loss_mask,
    shift_never,
    shift_once_more,
    smooth_by_torch,
    smooth_everywhere,
    take_mask_as_attention,
    take_mean,
    then,
    train_all,
)

from minilm import diagnose

TEMPLATE = "<|im_start|> <|im_end|> system user assistant tool"  # words for the tokenizer
TOKENIZER = make_tokenizer(TEMPLATE, eos="<|im_end|>")
MODEL = make_model(len(TOKENIZER))
FLAT = make_model(len(TOKENIZER), use_cache=False)  # a cache would hide where documents begin
ABSOLUTE = make_model(len(TOKENIZER), "gpt2", use_cache=False)  # learned positions
CHECKPOINTED = make_model(len(TOKENIZER))
CHECKPOINTED.gradient_checkpointing_enable()
EXAMPLES, WITH_TOOLS = make_chats(CHATS[:3]), make_chats(TOOL_CHATS)


def pad_rows(side="right", model=MODEL, **settings):
    """DataCollatorForSeq2Seq, as fine-tuning scripts use it."""
    tokenizer = make_tokenizer(TEMPLATE, eos="<|im_end|>")
    tokenizer.padding_side = side
    return transformers.DataCollatorForSeq2Seq(tokenizer, **settings)


def flatten_rows(**settings):
    """DataCollatorWithFlattening: one row, without pads."""
    return transformers.DataCollatorWithFlattening(return_tensors="pt", **settings)


def run(collator, light=chat_rows.light_answers, compute_loss=None, model=MODEL, examples=EXAMPLES, **meant):
    """The report on a plain loop: rows by hand, a collator, the model's own loss or another."""

    def collate(chosen):
        return dict(collator([make_row(chat, TOKENIZER, light) for chat in chosen]))

    make_batch, step = diagnose.torch_step(model, collate, compute_loss)
    return diagnose.pipeline(make_batch, step, examples, encode_with(TOKENIZER), **meant)


def run_loss_mask(reduce):
    """The report on a loop whose mask stands beside labels that stand everywhere."""
    return run(then(pad_rows(), add_loss_mask), compute_loss=reduce_by_loss_mask(reduce))


def run_trainer(collator, examples=EXAMPLES, light=chat_rows.light_answers, kept=None, **settings):
    """The report on transformers' Trainer, with the same rows; it writes into its model's config."""
    rows = [make_row(chat, TOKENIZER, light) for chat in examples]
    arguments = transformers.TrainingArguments(
        tempfile.mkdtemp(), use_cpu=True, report_to="none", disable_tqdm=True, **settings
    )
    trainer = transformers.Trainer(
        make_model(len(TOKENIZER)),
        arguments,
        data_collator=collator,
        train_dataset=datasets.Dataset.from_list(rows),
        processing_class=TOKENIZER,
        **(kept or {}),
    )
    return diagnose.trainer(trainer, examples)


def run_text_trainer(collator, given=True):
    """The report on a Trainer whose collator makes ids of conversations."""
    arguments = transformers.TrainingArguments(
        tempfile.mkdtemp(), use_cpu=True, report_to="none", remove_unused_columns=False
    )
    trainer = transformers.Trainer(
        make_model(len(TOKENIZER)),
        arguments,
        data_collator=lambda chats: collator([make_row(chat, TOKENIZER) for chat in chats]),
        train_dataset=datasets.Dataset.from_list(EXAMPLES),
        processing_class=TOKENIZER,
    )
    return diagnose.trainer(trainer, EXAMPLES if given else None)


def drop_labels(rows):
    """transformers' DataCollatorForLanguageModeling, which makes labels of its own."""
    collator = transformers.DataCollatorForLanguageModeling(TOKENIZER, mlm=False)
    return collator([{"input_ids": row["input_ids"]} for row in rows])


ONE_TURN = [{"messages": chat["messages"][-2:]} for chat in EXAMPLES]
RIGHT = [
    ("Seq2Seq collator, right pads", lambda: run(pad_rows())),
    ("Seq2Seq collator, left pads", lambda: run(pad_rows("left"))),
    ("multiple of 8", lambda: run(pad_rows(pad_to_multiple_of=8))),
    ("learned positions", lambda: run(pad_rows(), model=ABSOLUTE)),
    ("flattening", lambda: run(flatten_rows(), model=FLAT)),
    ("flattening, activations checkpointed", lambda: run(flatten_rows(), model=CHECKPOINTED)),
    ("flattening, learned positions", lambda: run(flatten_rows(), model=ABSOLUTE)),
    (
        "flattening, flash kwargs",
        lambda: run(flatten_rows(return_flash_attn_kwargs=True, return_seq_idx=True), model=FLAT),
    ),
    ("loss by hand", lambda: run(pad_rows(), compute_loss=reduce_by(take_mean))),
    (
        "sum",
        lambda: run(pad_rows(), compute_loss=reduce_by(lambda nll, m: (nll * m).sum()), denominator="sum"),
    ),
    ("loss mask beside labels", lambda: run_loss_mask(take_mean)),
    ("torch's label smoothing", lambda: run(pad_rows(), compute_loss=from_logits(smooth_by_torch))),
    ("z-loss on answers", lambda: run(pad_rows(), compute_loss=add_z_loss(False))),
    ("tool outputs dark", lambda: run(pad_rows(), examples=WITH_TOOLS)),
    ("whole sequence", lambda: run(pad_rows(), chat_rows.FAULTS["mask_not_applied"], prompt_weight=1.0)),
    ("bfloat16", lambda: run(pad_rows(), model=make_model(len(TOKENIZER)).bfloat16())),
    ("Trainer", lambda: run_trainer(pad_rows())),
    ("Trainer, left pads", lambda: run_trainer(pad_rows("left"))),
    ("Trainer, texts", lambda: run_text_trainer(pad_rows())),
    ("Trainer, texts from its rows", lambda: run_text_trainer(pad_rows("left"), False)),
    ("Trainer, flattening", lambda: run_trainer(flatten_rows())),
    ("Trainer, LabelSmoother", lambda: run_trainer(pad_rows(), label_smoothing_factor=0.1)),
    ("Trainer, accumulation", lambda: run_trainer(pad_rows(), gradient_accumulation_steps=2)),
]
LOSSES = [
    ("mask_not_applied", train_all),
    ("shifted_twice", shift_once_more),
    ("not_shifted", shift_never),
    ("denominator_counts_all", reduce_by(lambda nll, m: (nll * m).mean())),
    ("mean_of_means", reduce_by(lambda nll, m: ((nll * m).sum(1) / m.sum(1).clamp(min=1)).mean())),
    ("auxiliary_loss_unmasked", from_logits(add_kl)),
    ("auxiliary_loss_unmasked", add_z_loss(True)),
    ("smoothing_ignores_mask", from_logits(smooth_everywhere)),
]
COLLATORS = [
    ("mask_after_reduction", lambda: run_loss_mask(lambda nll, m: (nll.mean() * m).sum() / m.sum())),
    ("attention_mask_confused", lambda: run(then(pad_rows(), take_mask_as_attention))),
    ("boundary_in_the_loss", lambda: run(then(flatten_rows(), light_first_of_documents), model=FLAT)),
    ("packing_drops_mask", lambda: run(then(flatten_rows(), light_when_flat), model=FLAT)),
    ("packing_contamination", lambda: run(flatten_rows(return_position_ids=False), model=FLAT)),
    ("packing_contamination", lambda: run(flatten_rows())),  # transformers' cache is on
    ("positions_not_reset", lambda: run(then(flatten_rows(), keep_apart_without_reset), model=ABSOLUTE)),
    ("pads_in_the_loss", lambda: run(then(pad_rows(), light_pads))),
    ("eos_cut", lambda: run(then(pad_rows("left"), cut_last_tokens))),
    (
        "prefix_masked_by_column",
        lambda: run(then(pad_rows("left"), mask_prefix_by_column), examples=ONE_TURN),
    ),
    ("mask_not_applied", lambda: run(drop_labels)),
]


def run_rows(fault, collator):
    """A fault of the rows themselves, in conversations with tool outputs."""
    return run(collator(), chat_rows.FAULTS[fault], model=FLAT, examples=WITH_TOOLS)


FAULTY = [
    *[(fault, lambda loss=loss: run(pad_rows(), compute_loss=loss)) for fault, loss in LOSSES],
    *COLLATORS,
    *[
        (fault, lambda fault=fault, collator=collator: run_rows(fault, collator))
        for fault, collator in zip(chat_rows.FAULTS, itertools.cycle([pad_rows, flatten_rows]), strict=False)
    ],
]


def count():
    """(right set-ups, false alarms, faults planted, faults named) of all set-ups of this file."""
    alarms = sum(bool(report().findings) for _, report in RIGHT)
    named = sum(fault in [finding.fault for finding in report().findings] for fault, report in FAULTY)
    return len(RIGHT), alarms, len(FAULTY), named
