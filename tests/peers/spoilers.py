"""Losses by hand, right ones and faulty ones, and what spoils a collator's batch."""

import torch
from torch.nn.functional import cross_entropy, log_softmax

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


def add_loss_mask(batch, rows):
    """Labels everywhere, and the mask beside them."""
    batch["loss_mask"] = (batch["labels"] != -100).float()
    batch["labels"] = batch["input_ids"].clone()


def reduce_by_loss_mask(reduce):
    """A compute_loss from reduce(nll, loss_mask) of a batch whose labels stand everywhere."""

    def compute_loss(model, batch):
        logits = model(batch["input_ids"], attention_mask=batch["attention_mask"]).logits[:, :-1]
        return reduce(measure_nll(logits, batch["labels"][:, 1:]), batch["loss_mask"][:, 1:])

    return compute_loss


def measure_nll(logits, targets):
    """-log p of every target (B, n - 1)."""
    return cross_entropy(logits.transpose(1, 2), targets, reduction="none")


def take_mean(values, mask):
    """The mean over what the mask lights. Raises ValueError where that is nothing."""
    if not mask.any():
        raise ValueError("a batch without targets")
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


def cut_last_tokens(batch, rows):
    """A limit that cuts the end of every row: the newline and the stop token."""
    for name, value in batch.items():
        batch[name] = value[:, :-2]
