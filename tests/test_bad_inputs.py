"""Every bad input ends in one clear sentence: what, where, what to do.

The numbers in the test ids are those of the project's list of bad inputs, 1 to 45. They stand here
(functions), in test_bad_files (rows and checkpoints), test_bad_commands (the command line) and
test_bad_pipelines (diagnosis). Some are no errors by design, or are told of by no exception; these
are tested elsewhere:

    26  softmax cannot overflow: test_losses
    30  repeated ids add up: test_layers
    31, 32, 33  a learner's function: exercises/test_sandbox
    34  zeros against zeros: test_gradcheck, and exercises/test_answers for a learner's zeros
    39  a kill or a full disk during a save: test_checkpoint, test_runs_end
    40  a file's name is kept as it was given: test_checkpoint
    42  arrays that are not C-contiguous are written right: test_safetensors
    45  a narrow console shows escapes: test_cli
"""

import re
from pathlib import Path

import numpy as np
import pytest
import test_bad_commands
import test_bad_files
import test_bad_pipelines
from bad_inputs import refused

from minilm import (
    batches,
    chat,
    data,
    files,
    generate,
    losses,
    masks,
    model,
    tokenizer,
    train,
    tree,
)

WORDS = tokenizer.build("char", ["abcdef?\n"])
CONFIG = model.Config(len(WORDS.vocab), 8, 1, 2, 4)
PARAMS = model.init(CONFIG, np.random.default_rng(0))
NLL, IDS = np.ones((3, 3)), np.zeros((3, 3), int)
ROWS = data.encode_all([data.Example("ab", "cd")], WORDS)


def nll(targets):
    return losses.token_nll_forward(np.zeros((1, 2, 7)), np.array([targets]))


def mean(mask):
    return losses.weighted_mean_forward(NLL, np.array(mask))


def forward(ids, params=PARAMS):
    return model.forward(params, ids, CONFIG)


def first_token_only():
    row = data.Row(np.array([3, 4, 5]), np.array([data.RESPONSE, data.PROMPT, data.PROMPT]))
    return losses.weighted_mean_forward(np.ones((1, 2)), data.collate([row]).loss_mask)


CHAT_WORDS = tokenizer.build("char", ["abc"], markers=True)
BATCH = data.collate(ROWS)


def encode_chat(*messages, words=CHAT_WORDS):
    return data.encode_all([chat.Conversation(tuple(chat.Message(*m) for m in messages))], words)


def train_with(params=PARAMS, **settings):
    return train.train(params, CONFIG, ROWS, ROWS, train.Settings(**{"steps": 3, "warmup": 0, **settings}))


def integer_parameters():
    return train_with(tree.map_arrays(lambda a: a.astype(int), PARAMS))


def by_hand(tokens, roles=(0, 3)):
    return data.Row(np.array(tokens), np.array(roles))


CALLS = {
    "1 target -100": (lambda: nll([3, -100]), r"target -100 at \(0, 1\) .* weight 0 in loss_mask"),
    "1 target -1": (lambda: nll([-1, 3]), r"target -1 at \(0, 0\)"),
    "2 id >= vocab": (lambda: forward(IDS + 99), r"id 99 at \(0, 0\) is outside the vocabulary of 11"),
    "2 negative id": (lambda: forward(IDS - 1), r"id -1 at \(0, 0\)"),
    "3 float ids": (lambda: forward(IDS * 1.0), "ids must be an int64 .* not float64"),
    "3 float targets": (lambda: nll([1.0, 2.0]), "targets must be integers, not float64"),
    "4 uint8 ids": (lambda: forward(IDS.astype(np.uint8)), "not uint8 .* narrower types wrap"),
    "5 target >= vocab": (lambda: nll([3, 7]), r"target 7 at \(0, 1\) is outside the vocabulary of 7"),
    "6 empty mask": (lambda: mean(np.zeros((3, 3))), "loss_mask is empty"),
    "7 only the first token kept": (first_token_only, "loss_mask is empty"),
    "8 mask (T,)": (lambda: mean([1, 1, 1]), r"loss_mask has shape \(3,\), nll \(3, 3\)"),
    "9 mask (B, T, 1)": (lambda: mean(np.ones((3, 3, 1))), r"loss_mask has shape \(3, 3, 1\)"),
    "10 NaN in the mask": (lambda: mean([[1, 1, 1], [1, np.nan, 1], [1, 1, 1]]), r"nan at \(1, 1\)"),
    "10 negative weight": (lambda: mean([[1, 1, -2], [1, 1, 1], [1, 1, 1]]), r"-2 at \(0, 2\)"),
    "10 prompt weight": (lambda: data.loss_mask(IDS, 1.5), "prompt_weight is 1.5: .* between 0 and 1"),
    "11 mask before the shift": (lambda: mean(np.ones((3, 4))), "one column too many: shift it"),
    "12 longer than the context": (
        lambda: forward(np.zeros((1, 9), int)),
        "sequence of 9 tokens is longer than the model's 8 positions",
    ),
    "13 shorter than 2": (
        lambda: data.collate([data.Row(np.array([3]), np.array([data.RESPONSE]))]),
        "fewer than 2 tokens",
    ),
    "14 ragged batch": (lambda: forward([[1, 2], [1]]), "not list: .* padded first"),
    "15 no examples": (lambda: data.encode_all([], WORDS), "the data set is empty"),
    "15 no rows": (lambda: data.collate([]), "no rows to make a batch of"),
    "16 empty prompt": (lambda: data.encode(data.Example("", "a"), WORDS), "the prompt is empty"),
    "16 empty response": (
        lambda: data.encode_all([data.Example("a", "b"), data.Example("a", "")], WORDS),
        "row 1: the response is empty",
    ),
    "17 answer cut away": (
        lambda: data.encode_all([data.Example("abc", "d")], WORDS, max_tokens=4),
        "row 0: cut to 4 tokens it keeps no response token",
    ),
    "17 senseless cut": (lambda: data.encode_all([data.Example("a", "b")], WORDS, -5), "max_tokens is -5"),
    "18 unknown character": (lambda: WORDS.encode("abXc"), "unknown character 'X' at character 2 of 'abXc'"),
    "18 unknown word": (
        lambda: tokenizer.build("word", ["a bc"]).encode("a bc dd a"),
        "unknown word 'dd' at character 5",
    ),
    "18 two spaces": (lambda: tokenizer.build("word", ["a b"]).encode("a  b"), "separated by single spaces"),
    "18 no text": (lambda: WORDS.encode(5), "cannot encode int: text must be a string"),
    "18 lone surrogate": (lambda: tokenizer.build("byte").encode("a\ud800"), "character 1 .* lone surrogate"),
    "11 weights before the shift": (
        lambda: masks.per_message(BATCH.turns, [[1], [1]]),
        "2 rows of weights for 1 rows of targets",
    ),
    "12 longer than a packed row": (
        lambda: batches.pack_rows(ROWS, 5),
        r"row 0 \(from 0\) has 6 tokens, more than the 5 of a packed row",
    ),
    "14 documents of another shape": (
        lambda: model.forward(PARAMS, BATCH.ids, CONFIG, np.zeros((1, 4), int)),
        r"documents have shape \(1, 4\), ids \(1, 5\)",
    ),
    "15 nothing to pack": (lambda: batches.pack_rows([], 9), "there are no rows to pack"),
    "15 nothing to sort": (lambda: next(batches.sort_batches([], 2, None)), "there are no rows to make"),
    "15 micro-batches of none": (
        lambda: batches.split_batch(BATCH, 0),
        "micro-batch is 0: it must be 1",
    ),
    "6 no weight in any micro-batch": (
        lambda: batches.accumulate_gradients(PARAMS, [BATCH._replace(loss_mask=BATCH.loss_mask * 0)], CONFIG),
        "loss_mask is empty in every batch",
    ),
    "16 nothing answered": (
        lambda: encode_chat(("user", "a"), ("assistant", "")),
        r"row 0: messages\[1\]: the assistant says nothing",
    ),
    "16 nothing asked": (lambda: encode_chat(("user", ""), ("assistant", "a")), "the user says nothing"),
    "16 no answer": (lambda: encode_chat(("system", "a"), ("user", "b")), "no message is the assistant's"),
    "16 no messages": (encode_chat, "no message is the assistant's"),
    "17 all weights 0": (
        lambda: encode_chat(("user", "a"), ("assistant", "b", 0)),
        "row 0: its answers all have weight 0",
    ),
    "18 no markers": (
        lambda: encode_chat(("user", "a"), ("assistant", "b"), words=WORDS),
        "no marker <user>: .* markers=True",
    ),
    "23 unknown role": (
        lambda: encode_chat(("bot", "a"), ("assistant", "b")),
        r"messages\[0\]: the role is 'bot': it must be one of system, user, assistant, tool",
    ),
    "24 lr nan": (lambda: train.Settings(lr=float("nan")), "lr is nan"),
    "24 lr 0": (lambda: train.Settings(lr=0.0), "lr is 0.0"),
    "24 seed": (lambda: train.Settings(seed=-1), "seed is -1"),
    "24 policy": (lambda: train.Settings(policy="lst"), "policy is 'lst': choose response or last or full"),
    "24 warmup": (lambda: train.Settings(steps=5, warmup=6), "warmup is 6: it must lie between 0 and 5"),
    "27 diverging": (lambda: train_with(lr=1e30, steps=9), r"step \d: the (loss|gradient)"),
    "28 integer parameters": (integer_parameters, "wte.weight holds int64"),
    "28 nan parameters": (
        lambda: train_with(tree.map_arrays(lambda a: a * np.nan, PARAMS)),
        "wte.weight holds a number that is not finite",
    ),
    "28 another order": (
        lambda: train_with(dict(reversed(PARAMS.items()))),
        "the tensors stand in another order than those of model.init",
    ),
    "44 heads": (lambda: model.Config(9, 8, 1, 3, 16), "n_embd 16 is not divisible by n_head 3"),
    "44 no layers": (lambda: model.Config(9, 8, 0, 2, 4), "n_layer is 0: it must be a whole number"),
    "44 float size": (lambda: model.Config(9, 8, 1, 2, 4.0), "n_embd is 4.0"),
    "no vocabulary": (lambda: tokenizer.Tokenizer("word", ("a",)), "begins with"),
    "unknown level": (lambda: tokenizer.build("bpe", ["a"]), "level 'bpe' is not one of word, char, byte"),
    "id outside the vocabulary": (lambda: WORDS.decode([3, 99]), "id 99 is outside the vocabulary of 11"),
    "nothing to continue": (lambda: generate.generate(PARAMS, CONFIG, [], 3), "nothing to continue"),
    "no room": (lambda: generate.generate(PARAMS, CONFIG, [3] * 8, 3), "8 tokens leave no room"),
    "temperature": (lambda: generate.generate(PARAMS, CONFIG, [3], 3, -1.0), "temperature is -1.0"),
    "top_k": (lambda: generate.generate(PARAMS, CONFIG, [3], 3, 1.0, 0), "top_k must be 1 or more"),
    "no rng": (lambda: generate.generate(PARAMS, CONFIG, [3], 3, 1.0), "drawing tokens needs rng"),
    "no checkpoint": (lambda: files.checkpoint.load("nowhere.npz"), "nowhere.npz is no file"),
    "3 float ids in a row": (
        lambda: data.collate([by_hand([3.0, 4.0])]),
        "row 0: tokens must be integers, an array as long",
    ),
    "8 tokens in two axes": (lambda: data.collate([by_hand([[3, 4]], [[0, 3]])]), "row 0 has 2 axes"),
    "5 a role out of range": (
        lambda: data.collate([by_hand([3, 4], [0, 99])]),
        r"row 0: roles\[1\] is 99: a role is an",
    ),
    "8 roles of another length": (
        lambda: data.collate([by_hand([3, 4], [3])]),
        r"roles must be integers, an array as long as tokens, not int64 \(1,\)",
    ),
    "10 NaN in a row's weights": (
        lambda: data.collate([by_hand([3, 4])._replace(weights=np.array([1, np.nan]))]),
        r"row 0: weights\[1\] is nan: .* a weight is finite",
    ),
    "10 weights that vanish in float32": (
        lambda: losses.weighted_mean_forward(np.ones((1, 2), np.float32), np.full((1, 2), 1e-300)),
        "loss_mask is empty",
    ),
    "10 a weight without end": (
        lambda: mean([[1, 1, 1e300], [1, 1, 1], [1, 1, 1]]),
        r"loss_mask is 1e\+300 at \(0, 2\)",
    ),
    "10 a list for a mask": (
        lambda: losses.weighted_mean_forward(NLL, [[1]]),
        "must be an array of numbers, not list",
    ),
    "10 prompt weight as text": (lambda: data.loss_mask(IDS, "1"), "prompt_weight is '1'"),
    "5 targets of another shape": (
        lambda: losses.token_nll_forward(np.zeros((1, 2, 7)), np.array([[1]])),
        r"targets have shape \(1, 1\), logits \(1, 2, 7\)",
    ),
    "13 no tokens": (lambda: forward(IDS[:, :0]), r"ids have shape \(3, 0\): there is no token to read"),
    "15 no list": (lambda: data.encode_all(3, WORDS), "the data set is empty, or no list"),
    "16 no example": (lambda: data.encode_all([("a", "b", "c")], WORDS), "is no example: give data.Example"),
    "17 a cut in halves": (
        lambda: data.encode_all([data.Example("a", "b")], WORDS, 4.5),
        "max_tokens is 4.5",
    ),
    "18 no words": (lambda: tokenizer.build("word", [3]), "cannot split int: text must be a string"),
    "23 no message": (
        lambda: data.encode_all([chat.Conversation(("hi",))], CHAT_WORDS),
        r"messages\[0\]: it is 'hi', not a chat.Message",
    ),
    "23 no messages": (lambda: data.encode_all([chat.Conversation(3)], CHAT_WORDS), "the messages are 3"),
    "23 no prompt": (
        lambda: chat.prompt_ids(["hi"], CHAT_WORDS),
        "must be a text or a list of chat.Messages",
    ),
    "23 a role of a prompt": (
        lambda: chat.prompt_ids([chat.Message("bot", "a")], CHAT_WORDS),
        "the role is 'bot'",
    ),
    "24 steps as text": (lambda: train.Settings(steps="9"), "steps is '9': it must be a whole number"),
    "24 half a step": (
        lambda: train.Settings(eval_every=2.5),
        "eval_every is 2.5: it must be a whole number",
    ),
    "24 lr without end": (lambda: train.Settings(lr=10**400), "lr is 1000.*: it must be a finite number"),
    "29 two precisions": (
        lambda: train_with(tree.replace(PARAMS, "ln_f.bias", np.zeros(4))),
        "ln_f.bias holds float64, and wte.weight float32: give all one precision",
    ),
    "37 no array": (
        lambda: model.check_params(tree.replace(PARAMS, "ln_f.bias", [0.0] * 4), CONFIG),
        "ln_f.bias is list, not an array",
    ),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", CALLS)
def test_call_says_what_is_wrong(name):
    refused(*CALLS[name])


def test_every_number_of_the_list_is_here_or_said_to_be_elsewhere():
    files, commands, pipelines = test_bad_files, test_bad_commands, test_bad_pipelines
    tables = (CALLS, files.FILES, files.CHECKPOINTS, commands.COMMANDS, pipelines.CALLS)
    here = {int(name.split()[0]) for table in tables for name in table if name[0].isdigit()}
    elsewhere = set()
    for numbers, where in re.findall(r"^    ([\d, ]+)  (.*)$", __doc__, re.MULTILINE):
        elsewhere |= {int(number) for number in numbers.split(",")}
        named = re.findall(r"test_\w+", where)
        assert named and all(Path(__file__).with_name(f"{name}.py").exists() for name in named)
    assert here | elsewhere == set(range(1, 46)) and not here & elsewhere
