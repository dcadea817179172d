"""Against TRL: an exported folder and the same rows give the same masks, losses and fine-tuned model.

SFTTrainer runs as its users run it, in processes of its own: one, and two under torchrun.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from minilm import chat, data, files, model, optim, tree
from minilm import tokenizer as tokenizers

for package in ("torch", "transformers", "trl"):
    pytest.importorskip(package, reason=f"{package} is not installed: the comparison with TRL is skipped")

SCRIPT = Path(__file__).parent / "sft_trl.py"
STEPS, BATCH = 4, 4  # rows a step, of all processes together
EXAMPLES = [  # answers of very different lengths, so that every way to average shows
    ("Who was the 37th President of the United States?", "Richard Nixon"),
    ("What year was President John F. Kennedy assassinated?", "1963"),
    ("Which powers ran the Space Race?", "The Soviet Union and the United States."),
    ("What was the name of the first artificial Earth satellite?", "Sputnik 1"),
    ("What spins and keeps its axis?", "A gyroscope."),
    ("2+2?", "4"),
    ('How does one write "naïve café" in capitals?', "NAÏVE CAFÉ"),
    (
        "Which letters follow a?",
        "b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x, y and z",
    ),
]


@pytest.fixture(scope="module", params=["char", "byte"])
def start(request, tmp_path_factory):
    """A random model's folder, its rows as TRL sees them, and as minilm does."""
    home, level = tmp_path_factory.mktemp(request.param), request.param
    examples = [data.Example(chat.end_prompt(x, level), y) for x, y in EXAMPLES * 2]
    tokenizer = tokenizers.build(level, [text for example in examples for text in example])
    config = model.Config(len(tokenizer.vocab), 160, 2, 4, 32)
    params = model.init(config, np.random.default_rng(0), std=0.2)
    files.huggingface.write_folder(home / "hf", params, config, tokenizer)
    lines = [
        json.dumps({"prompt": "<bos>" + x, "completion": y}) + "\n" for x, y in examples
    ]  # TRL adds <eos>
    (home / "rows.jsonl").write_text("".join(lines), encoding="utf-8")
    return home, data.encode_all(examples, tokenizer)


def run_sft(home, name, *flags, workers=1, rows="rows.jsonl"):
    """Run TRL: what sft.json says, and the folder of the fine-tuned model."""
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(workers)]
    command = [
        sys.executable,
        *(launch if workers > 1 else []),
        str(SCRIPT),
        str(home / "hf"),
        str(home / rows),
    ]
    command += [str(home / name), "--batch", str(BATCH // workers), "--steps", str(STEPS), *flags]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(home), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads((home / name / "sft.json").read_text(encoding="utf-8")), home / name


def descend(vector, gradient, state, lr):
    """Plain gradient descent."""
    vector -= lr * gradient


def train_here(home, rows, update, lr, workers=1):
    """The same in minilm. With `workers`, each divides by its own count, and the means are averaged."""
    params, config, _ = files.huggingface.read_folder(home / "hf")
    vector, params = tree.flat_view(params)
    state, losses, size = optim.init(vector), [], BATCH // workers
    for step in range(STEPS):
        chosen = rows[step * BATCH : (step + 1) * BATCH]
        parts = [data.collate(chosen[i * size : (i + 1) * size]) for i in range(workers)]
        results = [model.loss_and_grads(params, b.ids, b.targets, b.loss_mask, config) for b in parts]
        losses.append(float(np.mean([loss for loss, _ in results])))
        update(vector, np.mean([tree.flatten(grads) for _, grads in results], axis=0), state, lr)
    return losses, params


def drop_key_biases(params):
    """All parameters in one vector. A key bias moves every score of a row alike: its true gradient is 0.

    What is computed is rounding, which AdamW divides by its own size and so turns into full steps.
    """
    parts = [
        np.split(array, 3)[::2] if "c_attn.bias" in name else [array] for name, array in tree.named(params)
    ]
    return np.concatenate([array.ravel() for part in parts for array in part])


def agree(losses, params, seen, folder, loss_tolerance, change_tolerance):
    """Losses within a share of themselves, and parameters within a share of the largest change."""
    theirs = np.mean(seen["losses"], axis=0)  # over processes
    print(
        f"{folder.name}: losses {theirs}, relative difference {np.abs(losses / theirs - 1).max():.1e}", end=""
    )
    before, after = (files.huggingface.read_folder(path)[0] for path in (folder.parent / "hf", folder))
    before, after, ours = map(drop_key_biases, (before, after, params))
    change = np.abs(ours - after).max() / np.abs(before - after).max()
    print(f", parameters {change:.1e} of the largest change")
    return np.allclose(losses, theirs, rtol=loss_tolerance, atol=0) and change < change_tolerance


def test_labels_are_the_loss_mask_token_by_token(start):
    home, rows = start
    seen, _ = run_sft(home, "masks")
    for row, theirs in zip(rows, seen["rows"], strict=True):
        batch = data.collate([row])
        assert row.tokens.tolist() == theirs["input_ids"]
        labels = np.where(batch.loss_mask[0] > 0, batch.targets[0], -100)
        assert [-100, *labels.tolist()] == theirs["labels"]  # theirs are shifted inside the loss


# AdamW is the weaker check of the two: a wrong denominator cancels in m / sqrt(v), and rounding in a
# small gradient becomes a visible step.
@pytest.mark.parametrize(("name", "lr", "tolerance"), [("sgd", 0.1, 1e-4), ("adamw", 1e-3, 2e-2)])
def test_one_process(start, name, lr, tolerance):
    home, rows = start
    seen, folder = run_sft(home, name, "--optim", {"adamw": "adamw_torch"}.get(name, name), "--lr", str(lr))
    update = {"sgd": descend, "adamw": optim.adamw}[name]
    assert agree(*train_here(home, rows, update, lr), seen, folder, 1e-6, tolerance)


def test_two_workers_divide_by_the_tokens_of_both(start):
    home, rows = start
    seen, folder = run_sft(home, "two", workers=2)
    assert np.array(seen["losses"]).shape == (2, STEPS)
    assert agree(*train_here(home, rows, descend, 0.1), seen, folder, 1e-6, 1e-4)
    assert not agree(*train_here(home, rows, descend, 0.1, workers=2), seen, folder, 1e-2, 1e-2)


def test_two_workers_that_divide_by_their_own_tokens_do_something_else(start):
    home, rows = start
    seen, folder = run_sft(home, "means", "--mean-of-means", workers=2)
    assert agree(*train_here(home, rows, descend, 0.1, workers=2), seen, folder, 1e-6, 1e-4)
    assert not agree(*train_here(home, rows, descend, 0.1), seen, folder, 1e-2, 1e-2)


TEMPLATE = (
    "<bos>{% for m in messages %}{{ m.role[0] + ':' }}"
    "{% if m.role == 'assistant' %}{% generation %}{{ m.content + '<eos>' }}{% endgeneration %}"
    "{% else %}{{ m.content }}{% endif %}{{ '\n' }}{% endfor %}"
)


def test_conversations_every_answer_carries_loss(tmp_path):
    """At byte level: TRL tries a template on texts of its own, which no other vocabulary covers."""
    tokenizer = tokenizers.build("byte")
    config = model.Config(len(tokenizer.vocab), 160, 1, 1, 4)
    files.huggingface.write_folder(
        tmp_path / "hf", model.init(config, np.random.default_rng(0)), config, tokenizer
    )
    (tmp_path / "hf" / "chat_template.jinja").write_text(TEMPLATE, encoding="utf-8")
    turns = [("user", "2+2?"), ("assistant", "4"), ("user", "a?"), ("assistant", "b, c")]
    messages = [{"role": role, "content": content} for role, content in turns]
    (tmp_path / "chat.jsonl").write_text((json.dumps({"messages": messages}) + "\n") * 4, encoding="utf-8")
    row = run_sft(tmp_path, "chat", "--assistant-only", rows="chat.jsonl")[0]["rows"][0]
    # What is rendered, with ^ for <bos> and $ for <eos>, and below it, by hand, what carries loss.
    text = "^u:2+2?\na:4$\nu:a?\na:b, c$\n"
    loss = "00000000001100000000111110"
    specials = {"^": tokenizers.BOS_ID, "$": tokenizers.EOS_ID}
    assert row["input_ids"] == [specials.get(c, int(tokenizer.encode(c)[0])) for c in text]
    assert "".join("0" if label == -100 else "1" for label in row["labels"]) == loss
