"""A trace as a list of steps, and the steps as plain text for terminals and screen readers."""

from typing import NamedTuple

from .. import data, tree
from . import backward, forward, panels

TITLE = "One example, step by step"


class Step(NamedTuple):
    """One place on the way through the model; `groups` are panels.Group."""

    phase: str
    title: str
    formula: str
    notice: str
    groups: list


def steps(trace):
    """All steps of a trace: down through the blocks to the loss, and up again."""
    blocks = range(trace.config.n_layer)
    down, up = forward, backward
    parts = [("Read", down.READ, None, False)]
    parts += [(f"Block {i}", down.BLOCK, i, False) for i in blocks]
    parts += [("Predict", down.PREDICT, None, False), ("Loss", down.LOSS, None, False)]
    parts += [("Back from the loss", up.HEAD, None, True)]
    parts += [(f"Back through block {i}", up.BLOCK, i, True) for i in reversed(blocks)]
    parts += [("Back at the start", up.READ, None, True)]
    result = []
    for phase, specs, i, back in parts:
        for spec in specs:
            groups, facts = content(trace, spec, i, back)
            notice = " ".join([spec.notice, *facts])
            result.append(Step(phase, spec.title, spec.formula, notice, groups))
    return result


def content(trace, spec, i, back):
    """A step's groups, and sentences with this trace's own numbers."""
    groups, facts = [], []
    for key, axes in spec.arrays.items():
        if axes == "":  # no array of the model, but a table made for this step
            groups.append(getattr(panels, key)(trace))
            continue
        name = full_name(key, i, trace.config.n_layer)
        arrays = gradient(trace, name) if back else forward_arrays(trace, name)
        name = d(name) if back else name
        draw = panels.per_token if axes == "B, T" else panels.group
        groups.append(draw(trace, name, *([] if axes == "B, T" else [axes]), arrays))
        if back and axes != "V, C":
            facts.append(zero_positions(name, arrays))
        if name == "nll":
            facts.append(nll_sums(trace))
    return groups, facts


def full_name(key, i, n_layer):
    """A value's dotted name: those of a block are relative, {before} is what the block reads."""
    if "{" in key:
        return key.format(before=f"h.{i - 1}.mlp.x" if i else "x", last=f"h.{n_layer - 1}.mlp.x")
    return key if i is None else f"h.{i}.{key}"


def forward_arrays(trace, name):
    """{None: value}, or for the loss mask {prompt weight: mask}."""
    return trace.loss_masks if name == "loss_mask" else {None: trace.values[name]}


def gradient(trace, name):
    """{prompt weight: gradient} of a value, or of a parameter (NAME.weight)."""
    if name.endswith(".weight"):
        return {weight: dict(tree.named(grads))[name] for weight, grads in trace.grads.items()}
    return {weight: named[d(name)] for weight, named in trace.gradients.items()}


def d(name):
    """The gradient's name: h.0.attn.q -> h.0.attn.dq; wte.weight -> dwte.weight."""
    head, dot, leaf = ("", "", name) if name.endswith(".weight") else name.rpartition(".")
    return f"{head}{dot}d{leaf}"


def zero_positions(name, arrays):
    """How many positions of a gradient are exactly 0, under every loss."""
    counts = []
    for weight, array in arrays.items():
        rows = array[0].swapaxes(0, 1) if array.ndim == 4 else array[0]  # (T, ...)
        empty = ~rows.reshape(len(rows), -1).any(axis=1)
        counts.append(f"{panels.loss_name(weight)} {empty.sum()} of {len(rows)}")
    return f"Positions where {name} is exactly 0: {', '.join(counts)}."


def nll_sums(trace):
    """The two sums that the mask tells apart, as this row has them."""
    nll, roles = trace.values["nll"], trace.batch.roles
    x, y = (float((nll * mask(roles)).sum()) for mask in (data.prompt_mask, data.response_mask))
    return (
        f"Here the prompt's targets sum to {x:.3f} and the response's to {y:.3f}: −log P(x), if a <bos> "
        "stands in front, and −log P(y|x)."
    )


def introduction(trace):
    """What is shown, and how its numbers are written."""
    c = trace.config
    names = ", ".join(panels.loss_name(weight) for weight in trace.losses)
    return [
        f"{len(trace.inputs)} positions on their way down through the model to the loss and up again: "
        f"n_layer {c.n_layer}, n_head {c.n_head}, n_embd {c.n_embd}, V = {c.vocab_size}; loss: {names}.",
        "Every number shows its sign, + or -; a bare 0 is exactly zero, and nothing else is written so: "
        "small numbers keep their digits, as in +4.2e-3.",
    ]


def text(trace):
    """All steps as plain text."""
    lines = [TITLE, "=" * len(TITLE), *introduction(trace)]
    phase = None
    for n, step in enumerate(steps(trace), start=1):
        if step.phase != phase:
            phase = step.phase
            lines += ["", "", phase, "-" * len(phase)]
        lines += ["", f"{n}. {step.title}", f"   {step.formula}", f"   {step.notice}"]
        for group in step.groups:
            lines += ["", f"   {group.name}  {group.shape}"]
            for panel in group.panels:
                lines += [f"   {panel.caption}"] * (len(group.panels) > 1) + table(panel)
    return "\n".join(lines) + "\n"


def table(panel):
    """One table as aligned lines, row names to the left, cells to the right."""
    lines = [[panel.corner, *panel.columns]]
    lines += [[name, *map(panels.number, cells)] for name, cells in zip(panel.rows, panel.cells, strict=True)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return [
        f"     {name:<{widths[0]}}" + "".join(f"  {c:>{w}}" for c, w in zip(cells, widths[1:], strict=True))
        for name, *cells in lines
    ]
