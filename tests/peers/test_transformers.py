"""Against transformers: the same ids, logits, losses and gradients, in both directions.

Run it in an environment that has torch and transformers; skipped elsewhere.
"""

import os

import numpy as np
import pytest

from minilm import chat, data, files, generate, gradcases, model, optim, tokenizer, train, tree

os.environ["HF_HUB_OFFLINE"] = "1"
torch = pytest.importorskip("torch", reason="torch is not installed: transformers' checks are skipped")
transformers = pytest.importorskip("transformers", reason="transformers is not installed: skipped")

TEXTS = [
    "User: what is 2+2? Assistant:",
    "é ß 日本 🙂",
    "a\nb",
    "\n",
    "a\r\n\tb",
    "",
    "x" * 300,
    "ſ\u0301ı İ \u00a0 .",
]
IDS = {
    "word": TEXTS[0].split(" ") + TEXTS,
    "char": TEXTS,
    "byte": [*TEXTS, "\x00\x7f", " two  spaces ", "#Ġ Ċ"],
}


def words(level, markers=()):
    built = tokenizer.build(level, [t for t in TEXTS if level != "word" or t])
    return tokenizer.Tokenizer(level, built.vocab[:3] + markers + built.vocab[3:])


def exported(folder, params, config, vocabulary):
    """Write a folder and open it as anybody would."""
    files.export.write_folder(folder, params, config, vocabulary)
    peer = transformers.AutoModelForCausalLM.from_pretrained(folder)
    return peer, transformers.AutoTokenizer.from_pretrained(folder)


def fresh(vocabulary, dtype=np.float32, n_positions=320):
    config = model.Config(len(vocabulary.vocab), n_positions, 1, 2, 4)
    return model.init(config, np.random.default_rng(0), std=0.5, dtype=dtype), config


def error(ours, theirs):
    """Largest difference, as a share of the largest number."""
    return np.abs(ours - theirs).max() / np.abs(theirs).max()


@pytest.mark.parametrize("level", ["word", "char", "byte"])
@pytest.mark.parametrize("markers", [(), tokenizer.MARKERS], ids=["plain", "markers"])
def test_the_same_ids_and_the_text_back(tmp_path, level, markers):
    vocabulary = words(level, markers)
    _, peer = exported(tmp_path / "out", *fresh(vocabulary), vocabulary)
    for text in IDS[level]:
        n = len(markers) if level == "byte" else 0  # the bytes' offset follows from the vocabulary
        ids = (tokenizer.build("byte").encode(text) + n if n else vocabulary.encode(text)).tolist()
        assert peer(text)["input_ids"] == peer(text, split_special_tokens=True)["input_ids"] == ids, text
        assert peer.decode(ids) == vocabulary.decode(ids) == text
    ids = np.random.default_rng(0).permutation(len(vocabulary.vocab))  # bytes that are no UTF-8, and specials
    assert peer.decode(ids) == vocabulary.decode(ids)
    specials = [*tokenizer.SPECIALS, *markers]
    assert peer.convert_tokens_to_ids(specials) == list(range(len(specials)))
    assert (peer.bos_token_id, peer.eos_token_id, peer.pad_token_id, peer.unk_token_id) == (0, 1, 2, None)
    peer.save_pretrained(tmp_path / "again")
    for name in ("config.json", "model.safetensors"):
        (tmp_path / "again" / name).write_bytes((tmp_path / "out" / name).read_bytes())
    assert files.export.read_folder(tmp_path / "again")[2] == vocabulary


def test_unknown_text_is_an_error_on_both_sides(tmp_path):
    for level, texts in {"word": ["what  is", " is", "is ", "Z"], "char": ["Z", "ab\u0302"]}.items():
        vocabulary = words(level)
        _, peer = exported(tmp_path / level, *fresh(vocabulary), vocabulary)
        for text in texts:
            with pytest.raises(ValueError, match="unknown"):
                vocabulary.encode(text)
            with pytest.raises(Exception, match=r"Missing \[UNK\]"):
                peer(text)


def test_a_row_written_out_as_text_is_data_encode_s(tmp_path):
    """What TRL tokenises: "<bos>" is put before the prompt by us, "<eos>" after the answer by TRL."""
    for level, space in {"word": " ", "char": "", "byte": ""}.items():
        vocabulary = words(level)
        _, peer = exported(tmp_path / level, *fresh(vocabulary), vocabulary)
        prompt, response = chat.end_prompt("what is", level), "2+2?"
        row = data.encode(data.Example(prompt, response), vocabulary)
        assert peer(f"<bos>{space}{prompt}{space}{response}<eos>")["input_ids"] == row.tokens.tolist()


def test_special_tokens_in_text_are_text_when_asked_for(tmp_path):
    for level in ("char", "byte"):
        vocabulary = tokenizer.build(level, ["a<eos>"])
        _, peer = exported(tmp_path / level, *fresh(vocabulary), vocabulary)
        text = "a<eos>"
        assert peer(text)["input_ids"][1:] == [tokenizer.EOS_ID]
        assert peer(text, split_special_tokens=True)["input_ids"] == vocabulary.encode(text).tolist()


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float32, 1e-5), (np.float64, 1e-10)])
def test_logits_and_greedy_answers_of_an_exported_model(tmp_path, dtype, tolerance):
    vocabulary = words("char")
    params, config = fresh(vocabulary, dtype, n_positions=40)
    peer, _ = exported(tmp_path / "out", params, config, vocabulary)
    ids = np.random.default_rng(1).integers(0, config.vocab_size, (3, 40))
    logits, _ = model.forward(params, ids, config)
    theirs = peer(torch.tensor(ids)).logits.detach().numpy()
    assert theirs.dtype == dtype and error(logits, theirs) < tolerance
    for prompt in ids[:, :5]:
        read = torch.tensor(prompt[None])
        answer = peer.generate(read, attention_mask=read * 0 + 1, max_new_tokens=20, do_sample=False)[0, 5:]
        assert generate.generate(params, config, prompt, 20) == answer.tolist()


def labels_of(batch):
    """What transformers wants instead of a loss mask: the unshifted ids, -100 where no loss is."""
    labels = np.where(batch.loss_mask > 0, batch.targets, -100)
    return torch.tensor(np.concatenate([np.full((len(labels), 1), -100), labels], axis=1))


def saved_peer(folder, tied):
    """A random GPT-2 of transformers, biases and norms included, saved by it; and read here."""
    torch.manual_seed(0)
    sizes = {"vocab_size": 11, "n_positions": 9, "n_layer": 2, "n_head": 2, "n_embd": 8}
    off = dict.fromkeys(("embd_pdrop", "attn_pdrop", "resid_pdrop"), 0.0)
    config = transformers.GPT2Config(**sizes, **off, tie_word_embeddings=tied, bos_token_id=0, eos_token_id=1)
    peer = transformers.GPT2LMHeadModel(config).double()
    with torch.no_grad():
        for tensor in peer.parameters():
            tensor.normal_(std=0.5)
    peer.save_pretrained(folder)
    return peer, *files.gpt2.read_folder(folder)


@pytest.mark.parametrize("tied", [False, True], ids=["untied", "tied"])
def test_a_saved_peer_is_read_and_agrees_in_every_gradient(tmp_path, tied):
    peer, params, config = saved_peer(tmp_path, tied)
    batch = gradcases.model_case(np.random.default_rng(0))[1]
    batch = batch._replace(loss_mask=(batch.loss_mask > 0) * 1.0)
    tokens = torch.tensor(np.concatenate([batch.ids, batch.targets[:, -1:]], axis=1))
    theirs = peer(tokens, labels=labels_of(batch))
    theirs.loss.backward()
    logits, _ = model.forward(params, batch.ids, config)
    assert error(logits, theirs.logits[:, :-1].detach().numpy()) < 1e-10
    loss, grads = model.loss_and_grads(params, batch.ids, batch.targets, batch.loss_mask, config)
    assert loss == pytest.approx(theirs.loss.item(), rel=1e-6)
    if tied:  # one tensor there, two here: their gradients add up to its own
        grads["wte"]["weight"] = grads["wte"]["weight"] + grads["lm_head"]["weight"].T
        grads["lm_head"]["weight"] = grads["wte"]["weight"].T
    ours, _ = files.gpt2.to_gpt2(grads, config)
    expected = {name: tensor.grad.numpy() for name, tensor in peer.named_parameters()}
    assert set(ours) - set(expected) == ({"lm_head.weight"} if tied else set())
    largest = max(np.abs(grad).max() for grad in expected.values())
    for name, grad in expected.items():  # the loss is computed in float32 there
        assert np.abs(ours[name] - grad).max() < 1e-6 * largest, name
        assert np.abs(grad).max() > 1e-6 * largest, name  # it says something


def test_a_saved_peer_is_sampled_and_fine_tuned(tmp_path):
    peer, params, config = saved_peer(tmp_path, tied=False)
    new = generate.generate(
        params, config, np.array([0, 3]), 5, temperature=1.0, rng=np.random.default_rng(0)
    )
    assert 1 <= len(new) <= 5
    batch = data.collate([data.Row(np.array([0, 3, 4, 5, 1]), np.array([1, 2, 2, 3, 4]))])
    settings = train.Settings(steps=2, lr=0.1, warmup=1, optimizer="sgd")
    vector, params = tree.flat_view(params)
    loss = train.train_step(vector, params, optim.init(vector), batch, config, settings)
    step = torch.optim.SGD(peer.parameters(), lr=0.1)
    tokens = torch.tensor([[0, 3, 4, 5, 1]])
    theirs = peer(tokens, labels=labels_of(batch)).loss
    theirs.backward()
    step.step()
    assert loss == pytest.approx(theirs.item(), rel=1e-6)
    after = peer.state_dict()
    for name, ours in files.gpt2.to_gpt2(params, config)[0].items():
        assert error(ours, after[name].numpy()) < 1e-6, name


def test_a_peer_that_minilm_cannot_compute_is_refused(tmp_path):
    config = transformers.GPT2Config(n_positions=9, n_layer=1, n_head=2, n_embd=8, activation_function="relu")
    transformers.GPT2LMHeadModel(config).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="activation_function is 'relu'"):
        files.gpt2.read_folder(tmp_path)
