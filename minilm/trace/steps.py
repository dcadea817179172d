"""The steps of a trace in order: up through the blocks to the loss, and down again."""

from . import backward, forward


def list_steps(n_layer):
    """Yield (phase, Spec, block or None, is_backward): up through the blocks to the loss, and down again."""
    blocks = range(n_layer)
    parts = [("Read", forward.READ, None, False)]
    parts += [(f"Block {i}", forward.BLOCK, i, False) for i in blocks]
    parts += [("Predict", forward.PREDICT, None, False), ("Loss", forward.LOSS, None, False)]
    parts += [("Down from the loss", backward.HEAD, None, True)]
    parts += [(f"Down through block {i}", backward.BLOCK, i, True) for i in reversed(blocks)]
    parts += [("Down to the embeddings", backward.READ, None, True)]
    for phase, specs, block, is_backward in parts:
        for spec in specs:
            yield phase, spec, block, is_backward


def complete_name(key, block, n_layer):
    """The dotted name of an array that a step names by `key`.

    Keys of a block are relative to it; {before} is what the block reads, {last} the last block's x.
    """
    if "{" in key:
        before = f"h.{block - 1}.mlp.x" if block else "x"
        return key.format(before=before, last=f"h.{n_layer - 1}.mlp.x")
    return key if block is None else f"h.{block}.{key}"


def name_gradient(name):
    """The gradient's name: h.0.attn.q -> h.0.attn.dq."""
    head, dot, leaf = name.rpartition(".")
    return f"{head}{dot}d{leaf}"
