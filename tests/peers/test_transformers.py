"""Against transformers: the same ids, logits, losses and gradients, in both directions.

Run it in an environment that has torch and transformers; skipped elsewhere.
"""

import os

import numpy as np
import pytest

from minilm import chat, data, files, generate, gradcheck, model, tree
from minilm import tokenizer as tokenizers

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


def build_tokenizer(level, markers=False):
    return tokenizers.build(level, TEXTS, markers)


def export_and_open(folder, params, config, tokenizer):
    """Write a folder and open it as anybody would."""
    files.huggingface.write_folder(folder, params, config, tokenizer)
    peer = transformers.AutoModelForCausalLM.from_pretrained(folder)
    return peer, transformers.AutoTokenizer.from_pretrained(folder)


def init_model(tokenizer, dtype=np.float32, n_positions=320):
    config = model.Config(len(tokenizer.vocab), n_positions, 1, 2, 4)
    return model.init(config, np.random.default_rng(0), std=0.5, dtype=dtype), config


def relative_error(ours, theirs):
    """Largest difference, as a share of the largest number."""
    return np.abs(ours - theirs).max() / np.abs(theirs).max()


@pytest.mark.parametrize("level", ["word", "char", "byte"])
@pytest.mark.parametrize("markers", [False, True], ids=["plain", "markers"])
def test_the_same_ids_and_the_text_back(tmp_path, level, markers):
    tokenizer = build_tokenizer(level, markers)
    _, peer = export_and_open(tmp_path / "out", *init_model(tokenizer), tokenizer)
    for text in IDS[level]:
        ids = tokenizer.encode(text).tolist()
        assert peer(text)["input_ids"] == peer(text, split_special_tokens=True)["input_ids"] == ids, text
        assert peer.decode(ids) == tokenizer.decode(ids) == text
    ids = np.random.default_rng(0).permutation(len(tokenizer.vocab))  # bytes that are no UTF-8, and specials
    assert peer.decode(ids) == tokenizer.decode(ids)
    specials = list(tokenizers.SPECIALS + tokenizers.MARKERS if markers else tokenizers.SPECIALS)
    assert peer.convert_tokens_to_ids(specials) == list(range(len(specials)))
    assert (peer.bos_token_id, peer.eos_token_id, peer.pad_token_id, peer.unk_token_id) == (0, 1, 2, None)
    peer.save_pretrained(tmp_path / "again")
    for name in ("config.json", "model.safetensors"):
        (tmp_path / "again" / name).write_bytes((tmp_path / "out" / name).read_bytes())
    assert files.huggingface.read_folder(tmp_path / "again")[2] == tokenizer


def test_unknown_text_is_an_error_on_both_sides(tmp_path):
    for level, texts in {"word": ["what  is", " is", "is ", "Z"], "char": ["Z", "ab\u0302"]}.items():
        tokenizer = build_tokenizer(level)
        _, peer = export_and_open(tmp_path / level, *init_model(tokenizer), tokenizer)
        for text in texts:
            with pytest.raises(ValueError, match="unknown"):
                tokenizer.encode(text)
            with pytest.raises(Exception, match=r"Missing \[UNK\]"):
                peer(text)


def test_a_row_written_out_as_text_is_data_encode_s(tmp_path):
    """What TRL tokenises: "<bos>" is put before the prompt by us, "<eos>" after the answer by TRL."""
    for level, space in {"word": " ", "char": "", "byte": ""}.items():
        tokenizer = build_tokenizer(level)
        _, peer = export_and_open(tmp_path / level, *init_model(tokenizer), tokenizer)
        prompt, response = chat.end_prompt("what is", level), "2+2?"
        row = data.encode(data.Example(prompt, response), tokenizer)
        assert peer(f"<bos>{space}{prompt}{space}{response}<eos>")["input_ids"] == row.tokens.tolist()


def test_special_tokens_in_text_are_text_when_asked_for(tmp_path):
    for level in ("char", "byte"):
        tokenizer = tokenizers.build(level, ["a<eos>"])
        _, peer = export_and_open(tmp_path / level, *init_model(tokenizer), tokenizer)
        text = "a<eos>"
        assert peer(text)["input_ids"][1:] == [tokenizers.EOS_ID]
        assert peer(text, split_special_tokens=True)["input_ids"] == tokenizer.encode(text).tolist()


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float32, 1e-5), (np.float64, 1e-10)])
def test_logits_and_greedy_answers_of_an_exported_model(tmp_path, dtype, tolerance):
    tokenizer = build_tokenizer("char")
    params, config = init_model(tokenizer, dtype, n_positions=40)
    peer, _ = export_and_open(tmp_path / "out", params, config, tokenizer)
    ids = np.random.default_rng(1).integers(0, config.vocab_size, (3, 40))
    logits, _ = model.forward(params, ids, config)
    theirs = peer(torch.tensor(ids)).logits.detach().numpy()
    assert theirs.dtype == dtype and relative_error(logits, theirs) < tolerance
    for prompt in ids[:, :5]:
        read = torch.tensor(prompt[None])
        answer = peer.generate(read, attention_mask=read * 0 + 1, max_new_tokens=20, do_sample=False)[0, 5:]
        assert generate.generate(params, config, prompt, 20) == answer.tolist()


def shift_to_labels(batch):
    """What transformers wants instead of a loss mask: the unshifted ids, -100 where no loss is."""
    labels = np.where(batch.loss_mask > 0, batch.targets, -100)
    return torch.tensor(np.concatenate([np.full((len(labels), 1), -100), labels], axis=1))


def save_peer(folder, tied):
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
    return peer, *files.huggingface.read_model(folder)


@pytest.mark.parametrize("tied", [False, True], ids=["untied", "tied"])
def test_a_saved_peer_is_read_and_agrees_in_every_gradient(tmp_path, tied):
    peer, params, config = save_peer(tmp_path, tied)
    batch = gradcheck.make_model_case(np.random.default_rng(0))[1]
    batch = batch._replace(loss_mask=(batch.loss_mask > 0) * 1.0)
    tokens = torch.tensor(np.concatenate([batch.ids, batch.targets[:, -1:]], axis=1))
    theirs = peer(tokens, labels=shift_to_labels(batch))
    theirs.loss.backward()
    logits, _ = model.forward(params, batch.ids, config)
    assert relative_error(logits, theirs.logits[:, :-1].detach().numpy()) < 1e-10
    loss, grads = model.loss_and_grads(params, batch.ids, batch.targets, batch.loss_mask, config)
    assert loss == pytest.approx(theirs.loss.item(), rel=1e-6)
    if tied:  # one tensor there, two here: their gradients add up to its own
        grads["wte"]["weight"] = grads["wte"]["weight"] + grads["lm_head"]["weight"].T
        grads["lm_head"]["weight"] = grads["wte"]["weight"].T
    ours, _ = files.huggingface.to_gpt2(grads, config)
    expected = {name: tensor.grad.numpy() for name, tensor in peer.named_parameters()}
    assert set(ours) - set(expected) == ({"lm_head.weight"} if tied else set())
    largest = max(np.abs(grad).max() for grad in expected.values())
    for name, grad in expected.items():  # the loss is computed in float32 there
        assert np.abs(ours[name] - grad).max() < 1e-6 * largest, name
        assert np.abs(grad).max() > 1e-6 * largest, name  # it says something


def test_a_saved_peer_is_sampled_and_fine_tuned(tmp_path):
    peer, params, config = save_peer(tmp_path, tied=False)
    rng = np.random.default_rng(0)
    answer = generate.generate(params, config, np.array([0, 3]), 5, temperature=1.0, rng=rng)
    assert 1 <= len(answer) <= 5
    batch = data.collate([data.Row(np.array([0, 3, 4, 5, 1]), np.array([1, 2, 2, 3, 4]))])
    vector, params = tree.flat_view(params)
    loss, grads = model.loss_and_grads(params, batch.ids, batch.targets, batch.loss_mask, config)
    vector -= 0.1 * tree.flatten(grads)
    step = torch.optim.SGD(peer.parameters(), lr=0.1)
    tokens = torch.tensor([[0, 3, 4, 5, 1]])
    theirs = peer(tokens, labels=shift_to_labels(batch)).loss
    theirs.backward()
    step.step()
    assert loss == pytest.approx(theirs.item(), rel=1e-6)
    after = peer.state_dict()
    for name, ours in files.huggingface.to_gpt2(params, config)[0].items():
        assert relative_error(ours, after[name].numpy()) < 1e-6, name


def test_a_peer_that_minilm_cannot_compute_is_refused(tmp_path):
    config = transformers.GPT2Config(n_positions=9, n_layer=1, n_head=2, n_embd=8, activation_function="relu")
    transformers.GPT2LMHeadModel(config).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="activation_function is 'relu'"):
        files.huggingface.read_model(tmp_path)
