"""The diagnosis on somebody else's model and training step: GPT-2 of transformers, torch's autograd."""

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: the diagnosis of its steps is skipped")
transformers = pytest.importorskip(
    "transformers", reason="transformers is not installed: the diagnosis of its steps is skipped"
)
from minilm import diagnose  # noqa: E402

BOS, EOS, PAD = 0, 1, 2
PAIRS = [([5, 6, 7, 8], [9, 10]), ([11, 12, 5], [13]), ([14, 7, 9, 6, 15], [16, 17, 18])]
torch.manual_seed(0)
MODEL = transformers.GPT2LMHeadModel(
    transformers.GPT2Config(vocab_size=20, n_positions=40, n_embd=16, n_layer=2, n_head=2)
).eval()


def make_batch(pairs, weigh=lambda row: row):
    """Padded rows as a collator makes them; labels are -100 where there is no loss."""
    rows = [[BOS, *prompt, *answer, EOS] for prompt, answer in pairs]
    labels = [weigh([-100] * (1 + len(prompt)) + [*answer, EOS]) for prompt, answer in pairs]
    n = max(map(len, rows))
    ids = torch.tensor([row + [PAD] * (n - len(row)) for row in rows])
    labels = torch.tensor([row + [-100] * (n - len(row)) for row in labels])
    mask = (labels[:, 1:] != -100).double()
    return ids[:, :-1].numpy(), ids[:, 1:].numpy(), mask.numpy()


def step(ids, targets, mask, attention=None, twice=False, reduce=None):
    """One training step as people write it: transformers' own loss where it is not about that."""
    ids, targets, mask = (torch.from_numpy(a) for a in (ids, targets, mask))
    labels = torch.where(mask > 0, targets, -100)
    logits = MODEL(ids, attention_mask=None if attention is None else attention(mask)).logits
    logits.retain_grad()
    if twice:  # labels are shifted already, and transformers' loss shifts them once more
        loss = MODEL.loss_function(logits, labels, vocab_size=20)
    elif reduce:
        each = torch.nn.functional.cross_entropy(logits.transpose(1, 2), targets, reduction="none")
        loss = reduce(each, mask)
    else:
        loss = torch.nn.functional.cross_entropy(logits.transpose(1, 2), labels)
    loss.backward()
    return loss.item(), logits.grad.numpy()


def of_loss_mask(mask):
    """A loss mask in the place of an attention mask; the first token is always seen."""
    seen = torch.cat([torch.ones_like(mask[:, :1]), mask[:, :-1]], dim=1)
    return seen.long()


STEPS = {
    "attention_mask_confused": {"attention": of_loss_mask},
    "shifted_twice": {"twice": True},
    "mask_after_reduction": {"reduce": lambda each, mask: (each.mean() * mask).sum() / mask.sum()},
    "denominator_counts_all": {"reduce": lambda each, mask: (each * mask).mean()},
    "mean_of_means": {"reduce": lambda each, mask: ((each * mask).sum(1) / mask.sum(1).clamp(min=1)).mean()},
}


@pytest.mark.parametrize("fault", STEPS)
def test_faults_of_a_torch_step_are_named(fault):
    report = diagnose.pipeline(make_batch, lambda *batch: step(*batch, **STEPS[fault]), PAIRS)
    assert report.fault == fault, report


MASKS = {
    "mask_one_late": lambda labels: [-100, *labels[:-1]],
    "eos_masked": lambda labels: [-100 if label == EOS else label for label in labels],
}


@pytest.mark.parametrize("fault", MASKS)
def test_faults_of_a_collator_are_named(fault):
    report = diagnose.pipeline(lambda pairs: make_batch(pairs, MASKS[fault]), step, PAIRS)
    assert report.fault == fault, report


def test_of_a_right_step_only_the_nan_of_an_empty_batch_is_said():
    report = diagnose.pipeline(make_batch, step, PAIRS)
    assert [finding.fault for finding in report.findings] == ["empty_mask_nan"]

    def guarded(ids, targets, mask):
        if not mask.any():
            raise ValueError("a batch without targets")
        return step(ids, targets, mask)

    assert diagnose.pipeline(make_batch, guarded, PAIRS).findings == []
