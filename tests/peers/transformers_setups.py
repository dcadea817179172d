"""Set-ups of torch loops with transformers' models, collators and Trainer; right ones and faulty ones."""

import tempfile

import chat_rows
import datasets
import torch
import transformers
from chat_rows import TOOL_CHATS, make_row
from small_models import CHATS, encode_with, make_chats, make_model, make_tokenizer
from torch.nn.functional import cross_entropy, log_softmax

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


# ---------------------------------------------------------------- other losses, by hand


def from_logits(measure):
    """A compute_loss from measure(logits, targets, mask), at all places that have a next token."""

    def compute_loss(model, batch):
        inputs = {name: value for name, value in batch.items() if name != "labels"}
        logits, labels = model(**inputs).logits[:, :-1], batch["labels"][:, 1:]
        return measure(logits, labels.clamp(min=0), (labels != -100).float())

    return compute_loss


def reduce_by(reduce):
    """A compute_loss from reduce(nll, mask), both (B, n - 1)."""
    return from_logits(lambda logits, targets, mask: reduce(measure_nll(logits, targets), mask))


def measure_nll(logits, targets):
    """-log p of every target (B, n - 1)."""
    return cross_entropy(logits.transpose(1, 2), targets, reduction="none")


def take_mean(values, mask):
    """The mean over what the mask lights."""
    return (values * mask).sum() / mask.sum()


def add_kl(logits, targets, mask):
    """The right mean, and the distance from the uniform distribution at all places, prompts too."""
    logp = log_softmax(logits, -1)
    distance = (logp.exp() * logp).sum(-1)
    return take_mean(measure_nll(logits, targets), mask) + 0.05 * distance.mean()


def add_z_loss(everywhere):
    """The right mean, and log Z squared: at the answers alone, or at all places."""

    def measure(logits, targets, mask):
        z = torch.logsumexp(logits, -1) ** 2
        where = torch.ones_like(mask) if everywhere else mask
        return take_mean(measure_nll(logits, targets), mask) + 0.02 * take_mean(z, where)

    return from_logits(measure)


def smooth_everywhere(logits, targets, mask):
    """Label smoothing whose uniform part is averaged over all places."""
    return 0.9 * take_mean(measure_nll(logits, targets), mask) - 0.1 * log_softmax(logits, -1).mean()


def smooth_by_torch(logits, targets, mask):
    """torch's own label smoothing, which knows ignore_index."""
    labels = torch.where(mask > 0, targets, -100)
    return cross_entropy(logits.transpose(1, 2), labels, label_smoothing=0.1)


def train_all(model, batch):
    """The labels are the inputs: the mask is made and not used."""
    seen = batch.get("attention_mask", torch.ones_like(batch["input_ids"]))
    return model(**{**batch, "labels": torch.where(seen > 0, batch["input_ids"], -100)}).loss


def shift_once_more(model, batch):
    """Labels that are shifted already, given to a model that shifts them again."""
    labels = torch.cat([batch["labels"][:, 1:], torch.full_like(batch["labels"][:, :1], -100)], 1)
    return model(**{**batch, "labels": labels}).loss


def shift_never(model, batch):
    """The loss of copying: no shift at all."""
    logits = model(**{**batch, "labels": None}).logits
    return cross_entropy(logits.transpose(1, 2), batch["labels"])


# ---------------------------------------------------------------- collators that spoil a batch


def then(collator, spoil):
    """A collator whose batch is changed afterwards."""

    def collate(rows):
        batch = dict(collator(rows))
        spoil(batch, rows)
        return batch

    return collate


def take_mask_as_attention(batch, rows):
    """The loss mask in the attention mask's place; the first token is always seen."""
    batch["attention_mask"] = (batch["labels"] != -100).long()
    batch["attention_mask"][:, 0] = 1


def light_first_of_documents(batch, rows):
    """A flat batch whose documents' first tokens keep their labels."""
    batch["labels"] = torch.where(batch["position_ids"] == 0, batch["input_ids"], batch["labels"])


def light_when_flat(batch, rows):
    """The mask is lost where several rows are packed."""
    if len(rows) > 1:
        batch["labels"] = torch.where(batch["position_ids"] == 0, -100, batch["input_ids"])


def light_pads(batch, rows):
    """Pads keep their labels."""
    batch["labels"] = torch.where(batch["attention_mask"] == 0, batch["input_ids"], batch["labels"])


def mask_prefix_by_column(batch, rows):
    """Left padding, and the prompt masked by its length from column 0."""
    batch["labels"] = torch.where(batch["attention_mask"] == 0, -100, batch["input_ids"])
    for k, row in enumerate(rows):
        batch["labels"][k, : next(at for at, label in enumerate(row["labels"]) if label != -100)] = -100


def keep_apart_without_reset(batch, rows):
    """Documents of a flat row kept apart by a mask, with positions that run on."""
    document = torch.cumsum(batch["position_ids"] == 0, 1)
    n = document.shape[1]
    sees = (document[:, :, None] == document[:, None, :]) & torch.tril(torch.ones(n, n, dtype=bool))
    batch["attention_mask"] = torch.where(sees, 0.0, torch.finfo(torch.float32).min)[:, None]
    batch["position_ids"] = torch.arange(n)[None]


def drop_labels(rows):
    """transformers' DataCollatorForLanguageModeling, which makes labels of its own."""
    collator = transformers.DataCollatorForLanguageModeling(TOKENIZER, mlm=False)
    return collator([{"input_ids": row["input_ids"]} for row in rows])


def cut_last_tokens(batch, rows):
    """A limit that cuts the end of every row: the newline and the stop token."""
    for name, value in batch.items():
        batch[name] = value[:, :-2]


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
    ("torch's label smoothing", lambda: run(pad_rows(), compute_loss=from_logits(smooth_by_torch))),
    ("z-loss on answers", lambda: run(pad_rows(), compute_loss=add_z_loss(False))),
    ("tool outputs dark", lambda: run(pad_rows(), examples=WITH_TOOLS)),
    ("whole sequence", lambda: run(pad_rows(), chat_rows.FAULTS["mask_not_applied"], prompt_weight=1.0)),
    ("bfloat16", lambda: run(pad_rows(), model=make_model(len(TOKENIZER)).bfloat16())),
    ("Trainer", lambda: run_trainer(pad_rows())),
    ("Trainer, left pads", lambda: run_trainer(pad_rows("left"))),
    ("Trainer, flattening", lambda: run_trainer(flatten_rows())),
    ("Trainer, LabelSmoother", lambda: run_trainer(pad_rows(), label_smoothing_factor=0.1)),
    ("Trainer, accumulation", lambda: run_trainer(pad_rows(), gradient_accumulation_steps=2)),
]
LOSSES = [
    ("mask_not_applied", train_all),
    ("shifted_twice", shift_once_more),
    ("not_shifted", shift_never),
    ("mask_after_reduction", reduce_by(lambda nll, m: (nll.mean() * m).sum() / m.sum())),
    ("denominator_counts_all", reduce_by(lambda nll, m: (nll * m).mean())),
    ("mean_of_means", reduce_by(lambda nll, m: ((nll * m).sum(1) / m.sum(1).clamp(min=1)).mean())),
    ("auxiliary_loss_unmasked", from_logits(add_kl)),
    ("auxiliary_loss_unmasked", add_z_loss(True)),
    ("smoothing_ignores_mask", from_logits(smooth_everywhere)),
]
COLLATORS = [
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
        for fault in chat_rows.FAULTS
        for collator in (pad_rows, flatten_rows)
    ],
]


def count():
    """(right set-ups, false alarms, faults planted, faults named) of all set-ups of this file."""
    alarms = sum(bool(report().findings) for _, report in RIGHT)
    named = sum(fault in [finding.fault for finding in report().findings] for fault, report in FAULTY)
    return len(RIGHT), alarms, len(FAULTY), named
