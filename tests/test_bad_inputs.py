"""Every bad input ends in one clear sentence: what, where, what to do.

Numbers are those of the project's list of bad inputs. Some are no errors here by design: 30
(repeated ids add up, test_layers), 26 (softmax cannot overflow, test_losses), 39 (a kill during a
save, test_checkpoint), 40 (the file name is kept, test_checkpoint), 19 (prompt and response are
tokenised apart, so the prompt's tokens always begin those of both).
"""

import re

import numpy as np
import pytest

from minilm import (
    accumulation,
    chat,
    checkpoint,
    data,
    diagnose,
    generate,
    jsonl,
    losses,
    masks,
    model,
    packing,
    tokenizer,
    train,
)
from minilm import params as tree
from minilm.__main__ import main
from minilm.diagnose import audit, game, prepared

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


PAIRS = [("ab", "cd"), ("abc", "ef?")]
MAKE, STEP, ENCODE = diagnose.own(WORDS, PARAMS, CONFIG)


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
    return lambda: list(prepared.from_arrays(*args))


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
        lambda: packing.pack(ROWS, 5),
        r"row 0 \(from 0\) has 6 tokens, more than the 5 of a packed row",
    ),
    "14 documents of another shape": (
        lambda: model.forward(PARAMS, BATCH.ids, CONFIG, np.zeros((1, 4), int)),
        r"documents have shape \(1, 4\), ids \(1, 5\)",
    ),
    "15 nothing to pack": (lambda: packing.pack([], 9), "there are no rows to pack"),
    "15 nothing to sort": (lambda: next(packing.sorted_batches([], 2, None)), "there are no rows to make"),
    "15 micro-batches of none": (
        lambda: accumulation.micro_batches(BATCH, 0),
        "micro-batch is 0: it must be 1",
    ),
    "6 no weight in any micro-batch": (
        lambda: accumulation.accumulate(PARAMS, [BATCH._replace(loss_mask=BATCH.loss_mask * 0)], CONFIG),
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
    "24 clip 0": (lambda: train.Settings(clip=0.0), "clip is 0.0"),
    "24 seed": (lambda: train.Settings(seed=-1), "seed is -1"),
    "24 schedule": (lambda: train.Settings(schedule="step"), "schedule is 'step': choose linear or cosine"),
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
    "diagnose other tokens": (
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
        lambda: audit.audit(prepared.from_arrays(IDS + 9, IDS + 9), vocab_size=9),
        "row 0 .from 0.: id 9 is outside the vocabulary of 9",
    ),
    "game no such case": (lambda: game.case("Z"), "there is no case 'Z': there are A, B, C"),
    "no checkpoint": (lambda: checkpoint.load("nowhere.npz"), "nowhere.npz is no file"),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", CALLS)
def test_call_says_what_is_wrong(name):
    call, message = CALLS[name]
    with pytest.raises(ValueError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


GOOD = '{"prompt": "ab?", "completion": "cd"}\n{"prompt": "f?", "completion": "e"}\n'


def chat_row(message):
    """A conversation whose second message is this."""
    return b'{"messages": [{"role": "user", "content": "a"}, ' + message + b"]}"


FILES = {
    "15 empty file": (b"", "the data set is empty"),
    "15 blank lines": (b"\n \r\n", "the data set is empty"),
    "16 empty completion": (b'{"prompt": "a", "completion": ""}', "line 1: the field 'completion' is ''"),
    "20 bad line": (GOOD.encode() + b'{"prompt": "a"', "line 3: not JSON, .* at column 15"),
    "20 an array": (b'["a", "b"]', "line 1: the row is list, not an object"),
    "20 deep nesting": (b"[" * 200_000, "line 1: brackets nested too deep"),
    "20 huge number": (b'{"a": ' + b"9" * 5000 + b"}", "line 1: a number with thousands of digits"),
    "20 not UTF-8": (b'{"prompt": "\xff"}', "line 1: not UTF-8, byte 0xff at column 13"),
    "21 duplicate key": (b'{"prompt": "a", "prompt": "b"}', "line 1: the key 'prompt' stands twice"),
    "21 NaN": (b'{"prompt": NaN, "completion": "a"}', "line 1: NaN is not JSON"),
    "22 mark on a later line": (b"\n\xef\xbb\xbf{}", "line 2: "),
    "23 missing field": (b'{"prompt": "a"}', "line 1: the field 'completion' is missing"),
    "23 number": (
        b'{"prompt": 4, "completion": "a"}',
        "line 1: the field 'prompt' is 4: it must be a string",
    ),
    "16 an answer without text": (
        chat_row(b'{"role": "assistant", "content": ""}'),
        "assistant says nothing",
    ),
    "16 no answer": (b'{"messages": [{"role": "user", "content": "a"}]}', "line 1: no message is the assist"),
    "16 no messages": (b'{"messages": []}', "line 1: the field 'messages' must be a list"),
    "20 not on one line": (b'{\n"prompt": "a",\n"completion": "b"}', "line 1: not JSON"),
    "20 too long": (b" " * 2**24 + b"{}", "line 1: longer than 16777216 bytes"),
    "20 messages as text": (b'{"messages": "hi"}', "line 1: the field 'messages' must be a list"),
    "20 a text for a message": (chat_row(b'"hi"'), r"line 1: messages\[1\] is str, not an object"),
    "20 both forms": (b'{"prompt": "a", "messages": []}', 'line 1: the row has both "messages" and'),
    "21 duplicate key within": (chat_row(b'{"role": "user", "role": "tool"}'), "the key 'role' stands twice"),
    "21 NaN for a weight": (chat_row(b'{"role": "tool", "content": "", "weight": NaN}'), "NaN is not JSON"),
    "23 unknown role": (
        chat_row(b'{"role": "human", "content": "a"}'),
        r"messages\[1\]: the role is 'human'",
    ),
    "23 no role": (chat_row(b'{"content": "a"}'), r"line 1: messages\[1\]: the field 'role' is missing"),
    "23 no content": (chat_row(b'{"role": "user"}'), r"messages\[1\]: the field 'content' is missing"),
    "23 null content": (chat_row(b'{"role": "user", "content": null}'), "the content is None: it must be"),
    "23 content in parts": (
        chat_row(b'{"role": "user", "content": [{}]}'),
        r"the content is \[\{\}\]: it must",
    ),
    "23 weight 2": (chat_row(b'{"role": "tool", "content": "", "weight": 2}'), "the weight is 2: it must be"),
    "23 weight true": (chat_row(b'{"role": "tool", "content": "", "weight": true}'), "the weight is True"),
    "23 huge weight": (chat_row(b'{"role": "tool", "content": "", "weight": 1e999}'), "the weight is inf"),
    "23 a tool call": (
        chat_row(b'{"role": "assistant", "content": null, "tool_calls": [{}]}'),
        r"messages\[1\] holds a tool call",
    ),
    "23 lone surrogate in a message": (
        chat_row(b'{"role": "tool", "content": "\\ud800"}'),
        r"line 1: messages\[1\]: .*lone surrogate",
    ),
    "23 lone surrogate": (b'{"prompt": "\\ud800", "completion": "a"}', "line 1: .*lone surrogate"),
}


@pytest.mark.parametrize("name", FILES)
def test_file_names_its_line(name, tmp_path, capsys):
    content, message = FILES[name]
    path = tmp_path / "rows.jsonl"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"rows.jsonl.*{message}"):
        jsonl.read(path)
    fails(["--data", str(path), "--out", str(tmp_path / "out")], capsys, message)
    fails(["mask", "--data", str(path), "--html", str(tmp_path / "out")], capsys, message)
    assert not (tmp_path / "out").exists()


def fails(argv, capsys, message):
    """The command ends with code 2 and one line on stderr that matches; stdout stays empty."""
    try:
        code = main([str(a) for a in argv])
    except SystemExit as error:  # argparse: usage, then the sentence
        code = error.code
    out, err = capsys.readouterr()
    assert code == 2 and out == ""
    assert "Traceback" not in err
    assert re.search(message, err.strip().split("\n")[-1]), err


COMMANDS = {
    "23 no such file": ("--data nowhere.jsonl", "nowhere.jsonl: No such file"),
    "23 a folder": ("--data {dir}", "Is a directory|Permission denied"),
    "23 too few prompts": ("--data {one}", "a single prompt"),
    "24 steps 0": ("--steps 0", "steps is 0: it must be 1 or more"),
    "24 steps -5": ("--steps -5", "steps is -5"),
    "24 steps text": ("--steps many", "argument --steps: invalid int value: 'many'"),
    "24 seeds 0": ("--seeds 0", "--seeds and --workers must be 1 or more"),
    "24 lr nan": ("train --data {good} --out {dir}/new --lr nan", "lr is nan"),
    "24 lr inf": ("train --data {good} --out {dir}/new --lr inf", "lr is inf"),
    "24 lr -1": ("train --data {good} --out {dir}/new --lr -1", "lr is -1.0"),
    "24 weight 2": ("train --data {good} --out {dir}/new --prompt-weight 2", "prompt_weight is 2.0"),
    "24 weight nan": ("mask a b --prompt-weight nan", "prompt_weight is nan"),
    "24 seed -1": ("train --data {good} --out {dir}/new --seed -1", "argument --seed: invalid seed value"),
    "25 abbreviated flag": ("--ste 3", "unknown flag --ste: flags are written out in full"),
    "25 abbreviated with =": ("train --data {good} --out {dir}/new --prompt-w=1", "unknown flag --prompt-w"),
    "25 unknown command": ("tarin", "invalid choice: 'tarin'"),
    "16 empty answer": ("mask a <EMPTY>", "the response is empty"),
    "17 rows cut": ("--data {good} --max-tokens 3", "row 0: cut to 3 tokens it keeps no response token"),
    "17 a late row": (
        "--data {late} --max-tokens 9",
        "row 17: cut to 9 tokens it keeps no response token",
    ),
    "12 a row too long": ("--data {long}", "row 3 .from 0. has 3004 tokens, more than the 1024"),
    "25 a flag of another command": ("--seed 3", "unknown flag --seed: flags"),
    "25 level without data": ("--level byte", "--level and --max-tokens are about your own rows"),
    "25 data for mask": ("--data {good} mask a b", "--data stands before a command"),
    "16 nothing to mask": ("mask a", "give a PROMPT and a RESPONSE, or rows with --data"),
    "25 row without data": ("mask a b --row 1", "are about a file: give them with --data"),
    "25 prompt with data": ("mask a b --data {good}", "give either a PROMPT and a RESPONSE or --data"),
    "25 unknown policy": ("mask --data {good} --policy none", "argument --policy: invalid choice: 'none'"),
    "15 no such row": ("mask --data {good} --row 99", "there is no row 99: .*good.jsonl holds 18, counted"),
    "15 row -1": ("mask --data {good} --row -1", "--row is -1: it must be 0 or more"),
    "17 senseless cut": ("mask --data {good} --max-tokens 1", "--max-tokens is 1: it must be 2 or more"),
    "18 two spaces": ("mask --data {spaces} --level word", "spaces.jsonl, line 2: unknown word"),
    "24 weight of the preview": ("mask --data {good} --prompt-weight 2", "^minilm: prompt_weight is 2.0"),
    "43 a folder for a page": (
        "mask --data {good} --html {dir}",
        "is a folder: give --html the name of a file",
    ),
    "17 all weights 0": ("--data {unweighted}", "row 1: its answers all have weight 0"),
    "35 no checkpoint": ("generate {dir} a", "model.npz is no file"),
    "35 text for a checkpoint": ("generate {text} a", "is not a whole minilm checkpoint"),
    "35 text to resume": ("train --data {good} --out {text} --resume", "is not a whole minilm checkpoint"),
    "35 text to plot": ("plot {text}", "is not a whole minilm checkpoint"),
    "41 no run to resume": ("train --data {good} --out {dir}/new --resume", "holds no run: there is no"),
    "41 no run to plot": ("plot {dir}", "holds no run: there is no"),
    "41 no second run": ("train --data {good} --out {text}", r"already holds a run .model.npz.: go on"),
    "43 no folder can be made": ("--quick --out {good}/figures", "Not a directory|File exists"),
    "43 a file for a folder": ("train --data {good} --out {good}", "File exists"),
    "diagnose nothing": ("diagnose", "give either an .npz file, or --data and a JSONL file"),
    "diagnose both": ("diagnose a.npz --data {good}", "give either an .npz file, or --data"),
    "diagnose no file": ("diagnose nowhere.npz", "nowhere.npz: No such file"),
    "diagnose no arrays": ("diagnose {good}", "rows padded to one length, labels with -100"),
    "diagnose pickled": ("diagnose {dir}/objects.npz", "is no whole .npz file of plain arrays"),
    "diagnose other names": ("diagnose {dir}/names.npz", "holds a, b: it needs ids, and labels or mask"),
    "diagnose vocabulary": ("diagnose {dir}/right.npz --vocab-size 3", "id 3 is outside the vocabulary of 3"),
    "diagnose no rows": ("diagnose --data {none}", "none.jsonl holds no rows: the data set is empty"),
    "diagnose other rows": ("diagnose --data {other}", "line 1: the field 'prompt' is missing"),
    "diagnose id lists": ("diagnose --data {lists}", "lists.jsonl, line 2: it needs equally long lists"),
    "diagnose id text": ("diagnose --data {texts}", "texts.jsonl, line 1: ids holds"),
    "quiz seed": ("quiz --seed -1", "argument --seed: invalid seed value"),
    "layer": ("gradcheck --layer conv", "argument --layer: invalid choice: 'conv'"),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_command_ends_with_one_sentence(name, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = [f'{{"prompt": "q{i}?", "completion": "a"}}\n' for i in range(20)]
    late = [*rows[:17], rows[17].replace("q17?", "longer prompt"), *rows[18:]]
    long = [*rows[:3], rows[3].replace('"a"', f'"{"a" * 2998}"'), *rows[4:]]
    files = {"good": GOOD * 9, "one": '{"prompt": "a", "completion": "b"}\n' * 3}
    files |= {"late": "".join(late), "long": "".join(long)}
    files["spaces"] = GOOD.replace("f?", "f  ?")
    answer = (
        '{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b", "weight": 0}]}'
    )
    files["unweighted"] = GOOD[: GOOD.index("\n") + 1] + answer
    files |= {"none": "\n", "other": '{"text": "a"}\n', "texts": '{"input_ids": ["a"], "labels": ["b"]}\n'}
    files["lists"] = '{"input_ids": [1, 2], "labels": [1, 2]}\n{"input_ids": [1, 2], "labels": [1]}\n'
    ids = np.arange(8).reshape(2, 4)
    np.savez(tmp_path / "right.npz", ids=ids, labels=ids)
    np.savez(tmp_path / "names.npz", a=ids, b=ids)
    np.savez(tmp_path / "objects.npz", ids=np.array([[1], [1, 2]], object), labels=ids)
    for stem, text in files.items():
        (tmp_path / f"{stem}.jsonl").write_text(text, encoding="utf-8")
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "model.npz").write_text("not a model", encoding="utf-8")
    places = {stem: tmp_path / f"{stem}.jsonl" for stem in files}
    before = sorted(tmp_path.rglob("*"))
    line, message = COMMANDS[name]
    words = line.format(dir=tmp_path, text=tmp_path / "text", **places).split()
    fails(["" if word == "<EMPTY>" else word for word in words], capsys, message)
    assert sorted(tmp_path.rglob("*")) == before


def test_diverging_train_names_the_step_and_keeps_the_last_good_checkpoint(tmp_path, capsys):
    rows = tmp_path / "rows.jsonl"
    rows.write_text(GOOD, encoding="utf-8")
    argv = ["train", "--data", str(rows), "--out", str(tmp_path / "run"), "--steps", "40"]
    assert main([*argv, "--lr", "1e30"]) == 2  # test_runs_end has the case of a later step
    _, err = capsys.readouterr()
    assert "step 2: the" in err and err.count("\n") == 1
    assert "model.npz keeps the state of step 0" in err
    checkpoint.load(tmp_path / "run" / "model.npz")
