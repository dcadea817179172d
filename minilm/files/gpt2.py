"""minilm's parameters as a GPT-2 of transformers, and back.

Names and layout are GPT-2's already, so almost nothing happens here: "transformer." is put before
a name, and the head is stored [out, in], as torch's linear layers are. All other weights are
[in, out] on both sides.

A tied GPT-2 uses wte as its head as well. minilm's head is always its own, so a tied model gets a
copy. Its logits are the same; its gradient with respect to the one tied tensor is the sum of two
here, dwte + dlm_head^T. Training lets the copies go apart: add the two gradients to keep them tied.
"""

import json
from pathlib import Path

import numpy as np

from .. import model, tree
from . import safetensors

SIZES = ("vocab_size", "n_positions", "n_layer", "n_head", "n_embd")
COMPUTED = {  # what minilm computes; where a file says nothing, GPT-2 means the same
    "model_type": "gpt2",
    "activation_function": "gelu_new",
    "layer_norm_epsilon": 1e-5,
    "scale_attn_weights": True,
    "scale_attn_by_inverse_layer_idx": False,
    "add_cross_attention": False,
}
BUFFERS = (".attn.bias", ".attn.masked_bias")  # the causal mask, which old files store


def to_gpt2(params, config):
    """Parameters and Config -> (tensors, config_dict), as transformers' GPT2LMHeadModel has them.

    tensors: {"transformer.wte.weight": array, ...}, the head untied; config_dict: config.json,
    without dropout. Raises ValueError for parameters that do not fit the config.
    """
    model.check_params(params, config)
    arrays = dict(tree.named(params))
    tensors = {f"transformer.{name}": array for name, array in arrays.items() if name != "lm_head.weight"}
    tensors["lm_head.weight"] = arrays["lm_head.weight"].T
    return tensors, {
        "architectures": ["GPT2LMHeadModel"],
        **COMPUTED,
        **{name: getattr(config, name) for name in SIZES},
        "n_inner": 4 * config.n_embd,
        **dict.fromkeys(("embd_pdrop", "attn_pdrop", "resid_pdrop"), 0.0),
        "tie_word_embeddings": False,
        "dtype": arrays["wte.weight"].dtype.name,
    }


def from_gpt2(tensors, config_dict):
    """The tensors and config.json of a GPT2LMHeadModel -> (params, Config); new arrays.

    float64 stays, every other float becomes float32. Names may lack "transformer.", as in the
    first published files. Dropout rates are not looked at: minilm computes without.
    Raises ValueError for a model that minilm cannot compute, and for tensors that do not fit.
    """
    config = read_config(config_dict)
    found = {}
    for name, array in tensors.items():
        short = name.removeprefix("transformer.")
        if short in found:
            raise ValueError(f"tensor {short} stands there twice, with and without 'transformer.'")
        if not short.endswith(BUFFERS):
            found[short] = array
    if config_dict.get("tie_word_embeddings", True):
        tied = found.setdefault("lm_head.weight", found.get("wte.weight"))
        if not np.array_equal(tied, found.get("wte.weight")):
            raise ValueError("tie_word_embeddings is true, but lm_head.weight differs from wte.weight")
    double = getattr(found.get("wte.weight"), "dtype", None) == np.float64
    leaves = {name: take(found, name, shape) for name, shape in layout(config)}
    if found:
        raise ValueError(f"tensor {next(iter(found))} belongs to no GPT-2 of {config.n_layer} layers")
    leaves["lm_head.weight"] = leaves["lm_head.weight"].T
    dtype = np.float64 if double else np.float32
    return tree.from_named({name: array.astype(dtype, order="C") for name, array in leaves.items()}), config


def read_config(config_dict):
    """config.json -> Config. Raises ValueError for what minilm cannot compute."""
    if not isinstance(config_dict, dict):
        raise ValueError(f"config.json holds {type(config_dict).__name__}, not an object")
    for name, ours in COMPUTED.items():
        theirs = config_dict.get(name, ours)
        if theirs != ours:
            raise ValueError(f"{name} is {theirs!r}, and minilm computes only {ours!r}")
    missing = [name for name in SIZES if name not in config_dict]
    if missing:
        raise ValueError(f"config.json does not say {missing[0]}")
    config = model.Config(**{name: config_dict[name] for name in SIZES})
    inner = config_dict.get("n_inner")
    if inner not in (None, 4 * config.n_embd):
        raise ValueError(f"n_inner is {inner!r}, and minilm computes only 4 n_embd = {4 * config.n_embd}")
    return config


def layout(config):
    """Yield (name, shape) of every tensor, in the order of model.init; the head as torch stores it."""
    for name, shape in tree.shapes(config):
        yield name, shape[::-1] if name == "lm_head.weight" else shape


def take(tensors, name, shape):
    """Take one tensor out of the dict. Raises ValueError unless it is there and fits."""
    array = tensors.pop(name, None)
    if array is None:
        raise ValueError(f"tensor {name} is missing")
    if not isinstance(array, np.ndarray) or array.shape != shape:
        raise ValueError(f"{name} has shape {getattr(array, 'shape', None)}, not {shape}")
    if array.dtype.kind != "f" or not np.isfinite(array).all():
        raise ValueError(f"{name} must hold finite floats, and holds {array.dtype} or others")
    return array


def read_folder(path):
    """What GPT2LMHeadModel.save_pretrained wrote -> (params, Config).

    Raises ValueError, naming the file, for what is missing, malformed or not computed here.
    """
    path = Path(path)
    for name in ("config.json", "model.safetensors"):
        if not (path / name).is_file():
            raise ValueError(
                f"{path / name} is no file: give the folder of one GPT-2, saved whole by save_pretrained"
            )
    try:
        name = "config.json"
        config_dict = json.loads((path / name).read_text(encoding="utf-8"))
        name = "model.safetensors"
        tensors = safetensors.from_bytes((path / name).read_bytes())
        name = ""
        return from_gpt2(tensors, config_dict)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path / name}: {error}") from None
