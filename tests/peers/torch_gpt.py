"""The same GPT in PyTorch, on minilm's parameters: the outside reference of the peer tests."""

import numpy as np
import torch
import torch.nn.functional as F

from minilm import tree


def tensors(params):
    """minilm's tree as leaf tensors of the same names."""
    return {
        key: tensors(value) if isinstance(value, dict) else torch.tensor(np.array(value), requires_grad=True)
        for key, value in params.items()
    }


def linear(x, weight, bias=None):
    return F.linear(x, weight.T, bias)


def forward(p, ids, config):
    """logits (B, T, V), with torch's own embedding, layer norm, GELU and attention (SDPA)."""
    C, H = config.n_embd, config.n_head
    x = F.embedding(ids, p["wte"]["weight"]) + p["wpe"]["weight"][: ids.shape[1]]
    for block in p["h"].values():
        h = F.layer_norm(x, (C,), **block["ln_1"], eps=1e-5)
        qkv = linear(h, **block["attn"]["c_attn"])
        q, k, v = (part.unflatten(-1, (H, C // H)).transpose(1, 2) for part in qkv.split(C, dim=-1))
        h = F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).flatten(2)
        x = x + linear(h, **block["attn"]["c_proj"])
        h = F.layer_norm(x, (C,), **block["ln_2"], eps=1e-5)
        h = F.gelu(linear(h, **block["mlp"]["c_fc"]), approximate="tanh")
        x = x + linear(h, **block["mlp"]["c_proj"])
    return linear(F.layer_norm(x, (C,), **p["ln_f"], eps=1e-5), p["lm_head"]["weight"])


def masked_loss(p, ids, targets, loss_mask, config):
    """The way of SFT trainers: labels of -100 where the mask is 0, mean over what is kept."""
    labels = torch.tensor(np.where(loss_mask > 0, targets, -100))
    logits = forward(p, torch.tensor(ids), config)
    return F.cross_entropy(logits.flatten(0, 1), labels.flatten())


def make_step(params, batch, config, wrap=lambda function: function):
    """A function without arguments: one training step; wrap: what to make of the loss, as torch.compile."""
    peer = tensors(params)
    ids = torch.tensor(batch.ids)
    labels = torch.tensor(np.where(batch.loss_mask > 0, batch.targets, -100)).flatten()
    leaves = [tensor for _, tensor in tree.named(peer)]
    optimizer = torch.optim.AdamW(leaves, lr=1e-4, betas=(0.9, 0.95), weight_decay=0, fused=True)

    @wrap
    def compute_loss(peer):
        return F.cross_entropy(forward(peer, ids, config).flatten(0, 1), labels)

    def step():
        optimizer.zero_grad()
        loss = compute_loss(peer)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step
