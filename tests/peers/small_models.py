"""Tiny models, tokenizers and conversations for the diagnosis of real trainers; nothing is downloaded."""

import os
import re

os.environ["HF_HUB_OFFLINE"] = "1"

import tokenizers
import torch
import transformers
from tokenizers import models, pre_tokenizers

SPECIAL = re.compile(r"<[|｜][^<>{}'\"]*?[|｜]>|</?[a-z_]+>|\[/?[A-Z_]+\]|<\|[A-Z_]+\|>|<s>|</s>")
WORD = r"\w+|\n|[^\w\n]"
PAIRS = [
    ("what spins in space", "a gyroscope keeps its axis"),
    ("who was first", "Gagarin"),
    ("name two colours that are in the flag", "red and a dark blue , I think so"),
    ("two plus two", "it is four"),
]
CHATS = [
    [
        ("user", "what spins"),
        ("assistant", "a gyroscope keeps its axis"),
        ("user", "why"),
        ("assistant", "it turns"),
    ],
    [("user", "who was first in space"), ("assistant", "Gagarin flew first")],
    [
        ("user", "two plus two"),
        ("assistant", "four"),
        ("user", "and three"),
        ("assistant", "it is seven then"),
    ],
    [("user", "name a colour"), ("assistant", "red , I think")],
]


def make_chats(chats=CHATS):
    """Conversations as data sets hold them."""
    return [{"messages": [{"role": role, "content": text} for role, text in chat]} for chat in chats]


def make_tokenizer(template="", eos="<|eos|>", pad="<|pad|>", bos="<|bos|>", texts=()):
    """A word-level tokenizer that knows a template's words and special tokens, and the texts above."""
    specials = list(dict.fromkeys([pad, bos, eos, "<|unk|>", *SPECIAL.findall(template)]))
    words = [text for pair in PAIRS for text in pair] + [
        text for chat in CHATS for pair in chat for text in pair
    ]
    words = re.findall(WORD, " ".join([*words, *texts, template, "Capital of France Paris Hello hi"]) + "\n")
    vocabulary = {word: k for k, word in enumerate(dict.fromkeys([*specials, *words]))}
    core = tokenizers.Tokenizer(models.WordLevel(vocabulary, unk_token="<|unk|>"))
    core.pre_tokenizer = pre_tokenizers.Split(tokenizers.Regex(WORD), "isolated")
    core.add_special_tokens(
        [tokenizers.AddedToken(name, special=True, normalized=False) for name in specials]
    )
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=core, eos_token=eos, pad_token=pad, bos_token=bos, unk_token="<|unk|>"
    )
    tokenizer.chat_template = template or None
    return tokenizer


def make_model(n_words, kind="llama", seed=0, std=0.3, **settings):
    """A random model whose logits differ enough to measure; GPT-2's positions are learned, others rotary."""
    torch.manual_seed(seed)
    shared = {"vocab_size": n_words, "initializer_range": std, **settings}
    if kind == "gpt2":
        config = transformers.GPT2Config(n_positions=512, n_embd=16, n_layer=1, n_head=2, **shared)
        return transformers.GPT2LMHeadModel(config)
    shared = {
        "hidden_size": 16,
        "intermediate_size": 32,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
        "max_position_embeddings": 512,
        **shared,
    }
    if kind == "moe":
        config = transformers.MixtralConfig(num_local_experts=3, num_experts_per_tok=2, **shared)
        return transformers.MixtralForCausalLM(config)
    return transformers.LlamaForCausalLM(transformers.LlamaConfig(**shared))


def encode_with(tokenizer):
    """encode(text) -> ids, without special tokens."""
    return lambda text: tokenizer(text, add_special_tokens=False)["input_ids"]
