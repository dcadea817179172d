"""The diagnosis of torch loops and of transformers' Trainer: silent on right ones, a name for each fault."""

import pytest

for package in ("torch", "transformers", "datasets"):
    pytest.importorskip(package, reason=f"{package} is not installed: the diagnosis of its steps is skipped")
import torch  # noqa: E402
from transformers_setups import EXAMPLES, FAULTY, MODEL, RIGHT, TOKENIZER, make_row, pad_rows, run  # noqa: E402

from minilm import diagnose  # noqa: E402

torch.set_num_threads(1)


@pytest.mark.parametrize(("name", "report"), RIGHT, ids=[name for name, _ in RIGHT])
def test_a_right_set_up_has_no_finding(name, report):
    report = report()
    assert report.findings == [], f"{name}: {report}"


@pytest.mark.parametrize(("fault", "report"), FAULTY, ids=[fault for fault, _ in FAULTY])
def test_a_planted_fault_is_named(fault, report):
    report = report()
    assert fault in [finding.fault for finding in report.findings], report


def collate(chats):
    return dict(pad_rows()([make_row(chat, TOKENIZER) for chat in chats]))


def test_the_step_returns_the_models_loss_and_its_gradient_in_the_logits():
    make_batch, step = diagnose.torch_step(MODEL, collate)
    batch = make_batch(EXAMPLES)
    loss, dlogits = step(batch)
    logits = MODEL(**collate(EXAMPLES)).logits.detach().requires_grad_()
    labels = collate(EXAMPLES)["labels"]
    right = torch.nn.functional.cross_entropy(logits[:, :-1].transpose(1, 2), labels[:, 1:])
    right.backward()
    assert abs(loss - right.item()) < 1e-6
    assert abs(dlogits - logits.grad.numpy()).max() < 1e-7


def test_nothing_of_the_model_changes():
    MODEL.train()
    MODEL.model.layers[0].eval()
    modes, random = [module.training for module in MODEL.modules()], torch.get_rng_state()
    run(pad_rows())
    assert [module.training for module in MODEL.modules()] == modes
    assert torch.equal(torch.get_rng_state(), random)
    assert all(parameter.grad is None for parameter in MODEL.parameters())
    assert not MODEL._forward_hooks


def test_dropout_is_off_and_random_numbers_are_the_same_in_each_call():
    def drop(model, batch):
        assert not any(module.training for module in model.modules())
        return model(**batch).loss * torch.rand(())

    make_batch, step = diagnose.torch_step(MODEL.train(), collate, drop)
    batch = make_batch(EXAMPLES)
    assert step(batch)[0] == step(batch)[0]


def test_a_loss_that_is_not_made_of_logits_comes_alone():
    make_batch, step = diagnose.torch_step(
        MODEL, collate, lambda model, batch: model.model(batch["input_ids"]).last_hidden_state.mean()
    )
    assert isinstance(step(make_batch(EXAMPLES)), float)


def test_what_cannot_be_diagnosed_is_refused():
    def refuse(match, collate=collate, compute_loss=None):
        with pytest.raises(diagnose.DiagnoseError, match=match):
            make_batch, step = diagnose.torch_step(MODEL, collate, compute_loss)
            step(make_batch(EXAMPLES))

    refuse("collator returned tuple: return a dict", lambda chats: ())
    refuse("batch has no labels, but input_ids", lambda chats: {"input_ids": torch.ones(2, 3)})
    refuse("no tensor with one number, but shape", compute_loss=lambda model, batch: model(**batch).logits)
    refuse("no tensor with one number, but float", compute_loss=lambda model, batch: 1.5)
    refuse("returns no loss", compute_loss=lambda model, batch: diagnose_without_labels(model, batch))


def diagnose_without_labels(model, batch):
    from minilm.diagnose.trainers import loop as torch_loop

    return torch_loop.compute_own_loss(model, {"input_ids": batch["input_ids"]})
