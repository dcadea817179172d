"""What users hand over: batches and steps in other forms, and what is said of them."""

import collections
import re

import diagnose_setups as setups
import numpy as np
import pytest

from minilm import diagnose

PAIRS, MAKE = setups.in_rows(row=setups.templated_row)(np.random.default_rng(0))
MODEL = setups.mean_model()


def find(make_batch=MAKE, step=MODEL.loss, examples=PAIRS, **how):
    report = diagnose.pipeline(make_batch, step, examples, **how)
    return [finding.fault for finding in report.findings]


def more(extra):
    """The batch with something more, made from ids."""

    def make_batch(examples):
        ids, targets, mask = MAKE(examples)
        return ids, targets, mask, extra(ids)

    return make_batch


def ignore_more(ids, targets, mask, *extras):
    return MODEL.loss(ids, targets, mask)


class Tensor:
    """As much of a tensor with a graph as is touched."""

    def __init__(self, array):
        self.array = array

    def detach(self):
        return self

    float = cpu = detach

    def numpy(self):
        return self.array


def hold_zeros(examples):
    ids, targets, mask = MAKE(examples)
    return ids, np.where(mask > 0, targets, 0), mask


def say_all_ones(examples):
    ids, targets, mask = MAKE(examples)
    return ids, np.where(mask > 0, targets, -100), np.ones_like(mask)


def honour_both(ids, targets, mask):
    return MODEL.loss(ids, targets, mask * (targets >= 0))


def as_lists(examples):
    ids, targets, mask = MAKE(examples)
    rows = np.concatenate([ids, targets[:, -1:]], axis=1)
    labels = np.where(np.pad(mask, ((0, 0), (1, 0))) > 0, rows, -100)
    return collections.UserDict(input_ids=rows.tolist(), labels=labels.tolist())


def shift_in_step(batch):
    ids, labels = batch["input_ids"], batch["labels"]
    if not (labels[:, 1:] >= 0).any():
        raise ValueError("nothing to learn")
    return MODEL.loss(ids[:, :-1], labels[:, 1:], 1.0 * (labels[:, 1:] >= 0))


def put_in_tensors(ids, targets, mask):
    return [Tensor(value) for value in MODEL.loss(ids, targets, mask)]


RIGHT = {
    "lengths beside the batch": (more(lambda ids: (ids != setups.PAD).sum(axis=1)), ignore_more),
    "masked targets hold 0": (hold_zeros, MODEL.loss),
    "a mask of ones beside -100": (say_all_ones, honour_both),
    "lists in something like a dict": (as_lists, shift_in_step),
    "tensors in a list": (MAKE, put_in_tensors),
}


@pytest.mark.parametrize("kind", RIGHT)
def test_a_right_batch_in_another_form_is_right(kind):
    assert find(*RIGHT[kind]) == []


@pytest.mark.parametrize("count", [7.0, [7], np.array([7])])
def test_a_number_that_is_handed_over_is_a_fact(count):
    def step(ids, targets, mask, n):
        return setups.scale(MODEL.loss(ids, targets, mask, mean=False), 1 / float(np.asarray(n).item()))

    report = diagnose.pipeline(more(lambda ids: count), step, PAIRS)
    assert report.findings == [] and "handed over (extra 1 = 7)" in str(report)


def test_a_constant_times_the_mean_is_a_fact():
    report = diagnose.pipeline(MAKE, lambda *batch: setups.scale(MODEL.loss(*batch), 0.25), PAIRS)
    assert report.findings == [] and "the loss is 0.25 times the mean" in str(report)


def test_a_focal_loss_weighs_targets_by_more_than_the_mask():
    def step(ids, targets, mask):
        if not mask.any():
            raise ValueError("nothing to learn")
        logp = MODEL.log_probs(ids, np.arange(ids.shape[1]) == 0 * ids)
        p = np.exp(np.take_along_axis(logp, targets[..., None], axis=-1))[..., 0]
        weights = mask / mask.sum() * (1 - p)
        return MODEL.loss(ids, targets, weights, mean=False)

    report = diagnose.pipeline(MAKE, step, PAIRS)
    assert report.findings == [] and "as a focal loss does" in str(report)


def test_a_decoder_may_fail_and_an_empty_system_message_is_nothing():
    messages = [[("system", []), ("user", prompt), ("assistant", answer)] for prompt, answer in PAIRS]
    examples = [{"messages": [dict(role=role, content=ids) for role, ids in chat]} for chat in messages]

    def make_batch(chosen):
        return MAKE([tuple(message["content"] for message in e["messages"][1:]) for e in chosen])

    assert find(make_batch, examples=examples, decode=lambda ids: 1 / 0) == []


def test_a_message_without_content_is_refused_by_number():
    calls = {"messages": [{"role": "user", "content": [9]}, {"role": "assistant", "content": None}]}
    with pytest.raises(diagnose.DiagnoseError, match="message 1 has no content: write a tool call"):
        find(examples=[calls, calls])


WORDS = ["Q", ":", " 1", " 2", "1", "2", " A", "<s>", "</s>", " "]


def encode_with_spaces(text):
    """Words that hold the space before them, as in GPT-2."""
    return [8 + WORDS.index(word) for word in re.findall(r"<s>|</s>| ?\w+|[:?]| ", text)]


@pytest.mark.parametrize(("lost", "names"), [(0, []), (1, ["mask_one_late"])])
def test_a_space_that_the_tokenizer_joins_with_the_answer_is_the_answers(lost, names):
    def make_batch(examples):
        rows = []
        for prompt, answer in examples:
            ids = [encode_with_spaces(text) for text in (f"<s>Q: {prompt} A:", f" {answer}</s>")]
            rows.append([(t, 0) for t in ids[0]] + [(t, k >= lost) for k, t in enumerate(ids[1])])
        return setups.batched(rows)

    pairs = [("1", "2 1"), ("2 2 1", "1 1 2"), ("1 2", "2 2 2 1")]
    assert find(make_batch, examples=pairs, encode=encode_with_spaces) == names


@pytest.mark.parametrize(
    "left", [1, 0, -2]
)  # of the longest row: one token of its answer, none, half a header
def test_a_limit_that_cuts_some_answers_is_named_with_their_numbers(left):
    limit = 6 + left + max(len(prompt) for prompt, _ in PAIRS)  # inputs

    def cut(examples):
        return [array[:, :limit] for array in MAKE(examples)]

    report = diagnose.pipeline(cut, MODEL.loss, PAIRS)
    ends = [len(setups.templated_row(*pair)) - 1 for pair in PAIRS]  # tokens up to the stop token
    lost = ", ".join(str(k) for k, end in enumerate(ends) if end > limit + 1)
    assert lost and [f.fault for f in report.findings] == ["eos_cut"]
    assert report.findings[0].evidence.endswith(f"in examples {lost}")


# ---------------------------------------------------------------- names


def test_a_step_that_turns_its_mask_round_is_named():
    def step(ids, targets, mask):
        return MODEL.loss(ids, targets, (1 - mask) * (targets != setups.PAD))

    assert find(step=step) == ["mask_inverted"]


def test_a_step_that_makes_its_own_targets_does_not_apply_the_mask():
    def step(ids, targets, mask):
        own = np.roll(ids, -1, axis=1)
        is_word = (own != setups.PAD) & (np.arange(ids.shape[1]) < ids.shape[1] - 1)
        return MODEL.loss(ids, own, 1.0 * is_word)

    assert find(step=step) == ["mask_not_applied"]


def test_examples_without_loss_do_not_hide_what_else_differs():
    def make_batch(examples):
        ids, targets, mask = MAKE(examples)
        mask[0] = 0
        mask[1:, 3] = 1
        return ids, targets, mask

    assert find(make_batch)[:2] == ["marker_not_found", "mask_differs"]


def test_tool_output_at_a_small_weight_is_a_method_where_it_is_said():
    def weigh(message, k, n):
        return {"user": 0.0, "tool": 0.1, "assistant": 1.0}[message["role"]]

    examples, make_batch = setups.in_chats(tool=True, weigh=weigh)(np.random.default_rng(0))
    assert find(make_batch, examples=examples) == ["mask_differs"]
    assert find(make_batch, examples=examples, role_weights={"tool": 0.1}) == []


def round_to_bfloat16(loss):
    return float((np.array([loss], np.float32).view(np.uint32) & 0xFFFF0000).view(np.float32)[0])


def test_what_could_not_be_measured_is_shown_as_given():
    report = diagnose.pipeline(MAKE, lambda *batch: round_to_bfloat16(MODEL.loss(*batch)[0]), PAIRS)
    assert report.findings == [] and "bfloat16" in str(report)
    assert "  given  " in str(report) and "  measured  " not in str(report)
    assert "  measured  " in str(diagnose.pipeline(MAKE, MODEL.loss, PAIRS))


def test_one_mistake_explains_better_than_two():
    """Also where a prompt's loss weight leaves many choices of what template tokens carry."""

    def make_batch(examples):
        ids, targets, mask = MAKE(examples)
        before = np.arange(ids.shape[1]) < mask.argmax(axis=1)[:, None]
        mask = np.where(before, 0.1, mask)  # the newline after <eos> is dark
        return ids, targets, np.where(targets == setups.EOS, 0.1 * before, mask)

    report = diagnose.pipeline(make_batch, MODEL.loss, PAIRS, prompt_weight=0.1)
    assert [(finding.fault, finding.certain) for finding in report.findings] == [("eos_masked", True)]
