"""The diagnosis of TRL's SFTTrainer: silent on every right set-up, and a name for every planted fault."""

import copy

import pytest

for package in ("torch", "transformers", "trl", "datasets"):
    pytest.importorskip(package, reason=f"{package} is not installed: the diagnosis of TRL is skipped")
import torch  # noqa: E402
from small_models import CHATS, make_chats, make_tokenizer  # noqa: E402
from trl_setups import FAULTY, RIGHT  # noqa: E402
from trl_trainers import CHATML, list_templates, make_trainer  # noqa: E402

from minilm import diagnose  # noqa: E402

torch.set_num_threads(1)


FEW = "cohere glm4moe gptoss idefics3 llama3 qwen2_5 qwen3".split()  # of each kind one
SLOW = [f"template {name}" for name in list_templates() if name not in FEW] + [
    "dft loss",
    "packing bfd, learned positions",
    "packing bfd, pairs, shuffled",
    "packing bfd_split",
    "padding_free, pairs",
    "accumulation, padding_free",
    "router loss, padding_free",
    "router loss, accumulation",
]


@pytest.mark.parametrize(
    ("name", "report"),
    [pytest.param(*pair, marks=[pytest.mark.slow] if pair[0] in SLOW else [], id=pair[0]) for pair in RIGHT],
)
def test_a_right_set_up_has_no_finding(name, report):
    report = report()
    assert report.findings == [], f"{name}: {report}"


@pytest.mark.parametrize(("fault", "report"), FAULTY, ids=[fault for fault, _ in FAULTY])
def test_a_planted_fault_is_named(fault, report):
    report = report()
    assert fault in [finding.fault for finding in report.findings], report


def test_all_training_templates_are_tried():
    assert len(list_templates()) > 30


def make_usual_trainer(**settings):
    tokenizer = make_tokenizer(CHATML, "<|im_end|>")
    return make_trainer(make_chats(), tokenizer, assistant_only_loss=True, **settings)


def test_nothing_of_the_trainer_changes():
    trainer = make_usual_trainer(gradient_accumulation_steps=2)
    weight = next(trainer.model.parameters())
    weight.grad = torch.ones_like(weight)
    trainer.model.model.layers[0].eval()
    modes = [module.training for module in trainer.model.modules()]
    before, metrics, random = dict(vars(trainer)), copy.deepcopy(trainer._metrics), torch.get_rng_state()
    diagnose.trainer(trainer, make_chats())
    assert {name: value for name, value in vars(trainer).items() if name != "_metrics"} == {
        name: value for name, value in before.items() if name != "_metrics"
    }
    assert trainer._metrics == metrics
    assert [module.training for module in trainer.model.modules()] == modes
    assert torch.equal(torch.get_rng_state(), random)
    assert (weight.grad == 1).all() and sum(p.grad is not None for p in trainer.model.parameters()) == 1
    assert "train" not in vars(trainer.model) and "backward" not in vars(trainer.accelerator)


def test_without_examples_the_report_says_what_is_not_tested():
    assert "read from the prepared rows" in str(diagnose.trainer(make_usual_trainer()))


def test_an_example_that_was_dropped_is_named():
    report = diagnose.trainer(make_usual_trainer(), [*make_chats(), *make_chats([CHATS[1]])])
    assert "examples 4: they stand in no prepared row" in report.not_tested


def test_an_accumulation_window_is_tested():
    report = diagnose.trainer(make_usual_trainer(gradient_accumulation_steps=2), make_chats())
    assert "accumulation: a window of two micro-batches" in report.tested
    trainer = make_usual_trainer(gradient_accumulation_steps=2)
    trainer.model_accepts_loss_kwargs = False  # then no count is handed over, and means are averaged
    assert "mean_of_means" in [finding.fault for finding in diagnose.trainer(trainer, make_chats()).findings]


def test_what_cannot_be_diagnosed_is_refused():
    trainer = make_usual_trainer()
    other = [
        {"messages": [{"role": "user", "content": "why why"}, {"role": "assistant", "content": "red red"}]}
    ]
    with pytest.raises(diagnose.DiagnoseError, match="1 of 2 examples stand in the first 4 prepared rows"):
        diagnose.trainer(trainer, [*make_chats()[:1], *other])
    image = {"role": "user", "content": [{"type": "image", "image": "a.png"}]}
    with pytest.raises(diagnose.DiagnoseError, match="parts of type image"):
        diagnose.trainer(trainer, [{"messages": [image]}])
    trainer.train_dataset = [{"text": "a"}]
    with pytest.raises(diagnose.DiagnoseError, match="a row holds text: rows with input_ids"):
        diagnose.trainer(trainer)
    trainer.train_dataset = None
    with pytest.raises(diagnose.DiagnoseError, match="no train_dataset"):
        diagnose.trainer(trainer)
