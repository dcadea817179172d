"""A model as a GPT-2 that transformers opens, and back: weights, config and tokenizer in a folder.

Names and layout are GPT-2's already, so little happens here: names get the prefix "transformer.",
and the head is stored [out, in], as torch's linear layers are. All other weights are [in, out] on
both sides.

A tied GPT-2 uses wte as its head as well. minilm's head is always its own, so a tied model gets a
copy. Its logits are the same; its gradient with respect to the one tied tensor is the sum of two
here, dwte + dlm_head^T. Training lets the copies drift apart: add the two gradients to keep them tied.
"""

import json
from pathlib import Path

import numpy as np

from .. import model, tree
from ..tokenizer import BOS_ID, EOS_ID, PAD_ID
from . import atomic, huggingface_tokenizer, json_text, safetensors

SIZES = ("vocab_size", "n_positions", "n_layer", "n_head", "n_embd")
COMPUTED = {  # what minilm computes; a file that leaves one out means the same
    "model_type": "gpt2",
    "activation_function": "gelu_new",
    "layer_norm_epsilon": 1e-5,
    "scale_attn_weights": True,
    "scale_attn_by_inverse_layer_idx": False,
    "add_cross_attention": False,
}
BUFFERS = (".attn.bias", ".attn.masked_bias")  # old files store the causal mask under these names
SPECIAL_IDS = {"bos_token_id": BOS_ID, "eos_token_id": EOS_ID, "pad_token_id": PAD_ID}


def write_folder(path, params, config, tokenizer):
    """Write a folder for AutoModelForCausalLM.from_pretrained and AutoTokenizer.from_pretrained.

    Raises ValueError for a vocabulary that is not the model's, and if files are in the way.
    """
    if len(tokenizer.vocab) != config.vocab_size:
        raise ValueError(
            f"the tokenizer has {len(tokenizer.vocab)} pieces and the model {config.vocab_size} rows"
        )
    tensors, config_dict = to_gpt2(params, config)
    contents = {
        "config.json": {**config_dict, **SPECIAL_IDS},
        "generation_config.json": SPECIAL_IDS,
        "tokenizer.json": huggingface_tokenizer.to_tokenizer_json(tokenizer),
        "tokenizer_config.json": huggingface_tokenizer.to_tokenizer_config(tokenizer, config.n_positions),
    }
    with atomic.create_folder(path) as folder:
        for name, content in contents.items():
            text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
            (folder / name).write_bytes(text.encode("utf-8"))
        weights = safetensors.to_bytes(tensors, {"format": "pt"})
        (folder / "model.safetensors").write_bytes(weights)


def read_folder(path):
    """Read a folder of write_folder, also after transformers or TRL saved it: (params, config, tokenizer).

    Raises ValueError as read_model does, and for a tokenizer that is not one of minilm's.
    """
    params, config = read_model(path)
    file = Path(path) / "tokenizer.json"
    if not file.is_file():
        raise ValueError(f"{file} is missing: files.huggingface.read_model reads a model without a tokenizer")
    try:
        tokenizer = huggingface_tokenizer.from_tokenizer_json(json_text.parse(file.read_bytes()))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{file} is not a tokenizer that minilm can use ({error})") from None
    if len(tokenizer.vocab) != config.vocab_size:
        raise ValueError(f"{file} has {len(tokenizer.vocab)} pieces and the model {config.vocab_size} rows")
    return params, config, tokenizer


def read_model(path):
    """Read what GPT2LMHeadModel.save_pretrained wrote: (params, Config).

    Raises ValueError, naming the file, for what is missing, malformed or not computed here.
    """
    config_file, weights_file = Path(path) / "config.json", Path(path) / "model.safetensors"
    for file in (config_file, weights_file):
        if not file.is_file():
            raise ValueError(
                f"{file} is no file: give the folder of one GPT-2, saved whole by save_pretrained"
            )
    place = config_file
    try:
        config_dict = json_text.parse(config_file.read_bytes())
        place = weights_file
        tensors = safetensors.from_bytes(weights_file.read_bytes())
        place = path  # the two files do not fit together, or are of another model
        return from_gpt2(tensors, config_dict)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{place}: {error}") from None


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

    float64 stays, every other float becomes float32. Names may lack "transformer.", as in the first
    published files. Dropout rates are ignored: minilm computes without dropout.
    Raises ValueError for a model that minilm cannot compute, and for tensors that do not fit.
    """
    config = from_gpt2_config(config_dict)
    remaining = shorten_names(tensors)
    if config_dict.get("tie_word_embeddings", True):
        embedding = remaining.get("wte.weight")
        if not np.array_equal(remaining.setdefault("lm_head.weight", embedding), embedding):
            raise ValueError("tie_word_embeddings is true, but lm_head.weight differs from wte.weight")
    is_double = getattr(remaining.get("wte.weight"), "dtype", None) == np.float64
    dtype, arrays = np.float64 if is_double else np.float32, {}
    for name, shape in tree.shapes(config):  # raises at the first missing one, however large n_layer is
        if name == "lm_head.weight":
            arrays[name] = take_tensor(remaining, name, shape[::-1], dtype).T.copy()
        else:
            arrays[name] = take_tensor(remaining, name, shape, dtype)
    if remaining:
        raise ValueError(f"tensor {next(iter(remaining)):.80} belongs to no GPT-2 of {config.n_layer} layers")
    return tree.from_named(arrays), config


def from_gpt2_config(config_dict):
    """config.json -> Config. Raises ValueError for what minilm cannot compute."""
    if not isinstance(config_dict, dict):
        raise ValueError(f"config.json holds {type(config_dict).__name__}, not an object")
    for name, ours in COMPUTED.items():
        theirs = config_dict.get(name, ours)
        if theirs != ours:
            raise ValueError(f"{name} is {theirs!r:.80}, and minilm computes only {ours!r}")
    missing = [name for name in SIZES if name not in config_dict]
    if missing:
        raise ValueError(f"config.json does not say {missing[0]}")
    config = model.Config(**{name: config_dict[name] for name in SIZES})
    inner = config_dict.get("n_inner")
    if inner not in (None, 4 * config.n_embd):
        raise ValueError(f"n_inner is {inner!r:.80}, and minilm computes only 4 n_embd = {4 * config.n_embd}")
    return config


def shorten_names(tensors):
    """Remove "transformer." from the names, and drop the buffers. Raises ValueError for a name twice."""
    short_tensors = {}
    for name, array in tensors.items():
        short = name.removeprefix("transformer.")
        if short in short_tensors:
            raise ValueError(f"there are two tensors {short:.80}, one with and one without 'transformer.'")
        if not short.endswith(BUFFERS):
            short_tensors[short] = array
    return short_tensors


def take_tensor(tensors, name, shape, dtype):
    """Remove one tensor from the dict; returns a copy. Raises ValueError unless it is there and fits."""
    array = tensors.pop(name, None)
    if array is None:
        raise ValueError(f"tensor {name} is missing")
    if not isinstance(array, np.ndarray) or array.shape != shape:
        raise ValueError(f"{name} has shape {getattr(array, 'shape', None)}, not {shape}")
    if array.dtype.kind != "f":
        raise ValueError(f"{name} holds {array.dtype}: it must hold floats")
    with np.errstate(over="ignore"):  # float64 beyond float32's range becomes infinite, and is refused
        array = array.astype(dtype, order="C")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} holds a number that is not finite in {array.dtype}")
    return array
