"""What `diagnose` and the audit of prepared data refuse: the table of test_bad_inputs, for diagnosis."""

import numpy as np
import pytest
from bad_inputs import refused

from minilm import diagnose, model, tokenizer
from minilm.diagnose import audit, prepared
from minilm.exercises import quiz

WORDS = tokenizer.build("char", ["abcdef?\n"])
CONFIG = model.Config(len(WORDS.vocab), 8, 1, 2, 4)
PARAMS = model.init(CONFIG, np.random.default_rng(0))
NLL, IDS = np.ones((3, 3)), np.zeros((3, 3), int)
PAIRS = [("ab", "cd"), ("abc", "ef?")]
MAKE, STEP, ENCODE = diagnose.make_own_pipeline(WORDS, PARAMS, CONFIG)


def diagnosed(make=MAKE, step=STEP, examples=PAIRS, encode=ENCODE):
    return lambda: diagnose.pipeline(make, step, examples, encode)


def given(*changes):
    """A make_batch that returns its arrays changed, one function each."""
    return lambda examples: [f(a) for f, a in zip(changes, MAKE(examples), strict=False)]


def same(array):
    return array


def raising(*batch):
    raise KeyError("input_ids")


def arrays(*args):
    return lambda: list(prepared.read_arrays(*args))


def turning(first, *then):
    """A step that returns one thing in its first call and another in those after it."""
    answers = iter([first])
    return lambda *batch: next(answers, *then)


def mute(*texts):
    """Messages of a user and an assistant whose answer has weight 0."""
    said = ({"role": r, "content": t} for r, t in zip(("user", "assistant"), texts, strict=True))
    return {"messages": [{**message, "weight": 0} for message in said]}


def of_mutes(examples):
    ids, targets, mask, *_ = MAKE(PAIRS)
    return ids, targets, 0 * mask


CALLS = {
    "diagnose nothing to learn": (
        diagnosed(of_mutes, examples=[mute(*pair) for pair in PAIRS]),
        "the examples' messages all have weight 0",
    ),
    "diagnose one example": (diagnosed(examples=PAIRS[:1]), "1 examples were given: give two or more"),
    "diagnose no pairs": (diagnosed(examples=["ab", 3]), "the example 'ab' is no .prompt, response. pair"),
    "diagnose other pairs": (diagnosed(examples=[("a", "b", "c")] * 2), "is no .prompt, response. pair"),
    "diagnose empty answer": (
        diagnosed(examples=[("ab", "")] * 2),
        "has no response, or a part without tokens",
    ),
    "diagnose unknown text": (diagnosed(examples=[("ab", "X")] * 2), "that `encode` turns into ids: .*'X'"),
    "diagnose make raises": (diagnosed(raising), "make_batch failed on 2 examples: KeyError: 'input_ids'"),
    "diagnose make returns None": (
        diagnosed(lambda examples: None),
        "make_batch failed on 2 examples: TypeError",
    ),
    "diagnose ragged": (
        diagnosed(lambda examples: ([[1], [1, 2]], [[1], [1, 2]], [[1], [1, 2]])),
        "make_batch failed .* rectangular arrays",
    ),
    "diagnose float ids": (
        diagnosed(given(lambda a: a * 1.0, same, same)),
        "returned ids of shape .*, float64",
    ),
    "diagnose 1-D ids": (diagnosed(given(lambda a: a[0], same, same)), r"returned ids of shape \(7,\)"),
    "diagnose other shapes": (diagnosed(given(same, lambda a: a[:, 1:], same)), "returned targets of shape"),
    "diagnose text mask": (diagnosed(given(same, same, lambda a: a.astype(str))), "returned mask of shape"),
    "diagnose nan mask": (
        diagnosed(given(same, same, lambda a: a * np.nan)),
        "negative or non-finite weights",
    ),
    "diagnose short rows": (diagnosed(given(*[lambda a: a[:, :2]] * 3)), "the rows have 2 targets"),
    "19 tokens merged across the boundary": (
        diagnosed(encode=lambda text: [9] * len(text)),
        "example 1 is not in the batch",
    ),
    "diagnose step raises": (diagnosed(step=raising), "the step function raised KeyError: 'input_ids'"),
    "diagnose step None": (diagnosed(step=lambda *b: None), "returned None as loss: return one number"),
    "diagnose step array": (diagnosed(step=lambda *b: np.ones(3)), r"returned shape \(3,\) as loss"),
    "diagnose step text": (diagnosed(step=lambda *b: "low"), "returned 'low' as loss"),
    "diagnose loss nan": (
        diagnosed(step=lambda *b: np.nan),
        "the step's loss is nan on a batch with 7 weights",
    ),
    "diagnose dlogits": (
        diagnosed(step=lambda *b: (1.0, np.ones((2, 3)))),
        r"dlogits of shape \(2, 3\), float64",
    ),
    "diagnose dropout": (
        diagnosed(step=lambda *b, calls=[]: calls.append(1) or len(calls)),
        "another loss at a second call: switch dropout off",
    ),
    "prepared float ids": (arrays(IDS * 1.0, IDS), "ids holds float64: it must hold integers"),
    "prepared object ids": (arrays(np.array([[1], None], object), IDS), "ids holds object"),
    "prepared 1-D": (arrays(IDS[0], IDS[0]), r"ids has shape \(3,\)"),
    "prepared empty": (arrays(IDS[:0], IDS[:0]), r"ids has shape \(0, 3\)"),
    "prepared other shapes": (arrays(IDS, IDS[:2]), r"labels has shape \(2, 3\)"),
    "prepared mask": (arrays(IDS, IDS, np.ones(3)), r"mask is float64 of shape \(3,\)"),
    "prepared nan mask": (arrays(IDS, IDS, NLL * np.nan), "a negative weight, or one that is not finite"),
    "prepared label -1": (arrays(IDS, IDS - 1), "an id is negative, or a label that is not -100"),
    "prepared labels elsewhere": (arrays(IDS, IDS + 5), r"labels\[0, 0\] is 5, but ids\[0, 0\] is 0"),
    "prepared nothing": (lambda: audit.audit(iter([])), "there are no rows: the data set is empty"),
    "prepared vocabulary": (
        lambda: audit.audit(prepared.read_arrays(IDS + 9, IDS + 9), vocab_size=9),
        "row 0 .from 0.: id 9 is outside the vocabulary of 9",
    ),
    "game no such case": (lambda: quiz.case("Z"), "there is no case 'Z': there are A, B, C"),
    "diagnose dlogits at times": (
        diagnosed(step=turning((1.0, np.ones((2, 7, 9))), 1.0)),
        "returns dlogits in some calls only",
    ),
    "diagnose ragged dlogits": (
        diagnosed(step=lambda *b: (1.0, [[1], [1, 2]])),
        "dlogits whose rows differ in length",
    ),
    "diagnose no examples": (diagnosed(examples=3), "0 examples were given"),
    "10 diagnose prompt weight": (
        lambda: diagnose.pipeline(MAKE, STEP, PAIRS, ENCODE, "1"),
        "prompt_weight is '1'",
    ),
    "14 prepared ragged": (
        arrays([[1, 2], [1]], [[1, 2], [1]]),
        "ids has rows of different lengths: pad them",
    ),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", CALLS)
def test_call_says_what_is_wrong(name):
    refused(*CALLS[name])
