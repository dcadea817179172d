"""A trace as a list of steps, and the steps as plain text for terminals and screen readers."""

from typing import NamedTuple

from .. import data, tree
from . import backward, forward, panels

TITLE = "One example, step by step"
TABLES = {  # what a step shows besides arrays of the model
    "tokens": panels.tabulate_tokens,
    "ids": panels.tabulate_ids,
    "candidates": panels.tabulate_candidates,
    "loss": panels.tabulate_loss,
    "grads": panels.tabulate_parameter_norms,
}


class Step(NamedTuple):
    """One stop on the way through the model; `groups` are panels.Group."""

    phase: str
    title: str
    formula: str
    notice: str
    groups: list


def list_specs(n_layer):
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


def list_steps(trace):
    """All steps of a trace."""
    steps = []
    for phase, spec, block, is_backward in list_specs(trace.config.n_layer):
        groups, facts = fill_step(trace, spec, block, is_backward)
        steps.append(Step(phase, spec.title, spec.formula, " ".join([spec.notice, *facts]), groups))
    return steps


def fill_step(trace, spec, block, is_backward):
    """A step's groups, and sentences with this trace's own numbers."""
    groups, facts = [], []
    for key, axes in spec.arrays.items():
        if axes == "":
            groups.append(TABLES[key](trace))
            continue
        name = complete_name(key, block, trace.config.n_layer)
        if is_backward:
            arrays = get_gradients(trace, name)
            name = name_gradient(name)
        else:
            arrays = get_values(trace, name)
        if axes == "B, T":
            groups.append(panels.make_target_group(trace, name, arrays))
        else:
            groups.append(panels.make_group(trace, name, axes, arrays))
        if is_backward and axes != "V, C":
            facts.append(count_zero_positions(name, arrays))
        if name == "nll":
            facts.append(sum_nll(trace))
    return groups, facts


def complete_name(key, block, n_layer):
    """The dotted name of an array that a step names by `key`.

    Keys of a block are relative to it; {before} is what the block reads, {last} the last block's x.
    """
    if "{" in key:
        before = f"h.{block - 1}.mlp.x" if block else "x"
        return key.format(before=before, last=f"h.{n_layer - 1}.mlp.x")
    return key if block is None else f"h.{block}.{key}"


def get_values(trace, name):
    """{None: value}, or for the loss mask {prompt weight: mask}."""
    return trace.loss_masks if name == "loss_mask" else {None: trace.values[name]}


def get_gradients(trace, name):
    """{prompt weight: gradient} of a value, or of a parameter (NAME.weight)."""
    if name.endswith(".weight"):
        return {weight: dict(tree.named(grads))[name] for weight, grads in trace.grads.items()}
    return {weight: gradients[name_gradient(name)] for weight, gradients in trace.gradients.items()}


def name_gradient(name):
    """The gradient's name: h.0.attn.q -> h.0.attn.dq; wte.weight -> dwte.weight."""
    if name.endswith(".weight"):
        return f"d{name}"
    head, dot, leaf = name.rpartition(".")
    return f"{head}{dot}d{leaf}"


def count_zero_positions(name, arrays):
    """A sentence: how many positions of a gradient are exactly 0, under every loss."""
    counts = []
    for weight, array in arrays.items():
        rows = array[0].swapaxes(0, 1) if array.ndim == 4 else array[0]  # (T, ...)
        empty = ~rows.reshape(len(rows), -1).any(axis=1)
        counts.append(f"{panels.name_loss(weight)} {empty.sum()} of {len(rows)}")
    return f"Positions where {name} is exactly 0: {', '.join(counts)}."


def sum_nll(trace):
    """A sentence: the two sums that the mask separates, with this row's numbers."""
    nll, roles = trace.values["nll"], trace.batch.roles
    prompt = float((nll * data.prompt_mask(roles)).sum())
    response = float((nll * data.response_mask(roles)).sum())
    return (
        f"Here the prompt's targets sum to {prompt:.3f}: this is −log P(x) if a <bos> stands in front. "
        f"The response's targets sum to {response:.3f}: this is −log P(y|x)."
    )


def write_introduction(trace):
    """Two paragraphs: what is shown, and how its numbers are printed."""
    c = trace.config
    names = ", ".join(panels.name_loss(weight) for weight in trace.losses)
    return [
        f"{len(trace.inputs)} positions. The input is at the bottom of the model, the loss on top: the "
        "forward goes up, then the gradient comes down. "
        f"n_layer {c.n_layer}, n_head {c.n_head}, n_embd {c.n_embd}, V = {c.vocab_size}; loss: {names}.",
        "Every number shows its sign, + or -. A bare 0 is exactly zero, and only an exact zero is printed "
        "so: small numbers keep their digits, as in +4.2e-3.",
    ]


def write_text(trace):
    """All steps as plain text."""
    lines = [TITLE, "=" * len(TITLE), *write_introduction(trace)]
    phase = None
    for n, step in enumerate(list_steps(trace), start=1):
        if step.phase != phase:
            phase = step.phase
            lines += ["", "", phase, "-" * len(phase)]
        lines += ["", f"{n}. {step.title}", f"   {step.formula}", f"   {step.notice}"]
        for group in step.groups:
            lines += ["", f"   {group.name}  {group.shape}"]
            for panel in group.panels:
                if len(group.panels) > 1:
                    lines.append(f"   {panel.caption}")
                lines += align_table(panel)
    return "\n".join(lines) + "\n"


def align_table(panel):
    """The lines of one table: row names to the left, cells to the right."""
    lines = [[panel.corner, *panel.columns]]
    for name, cells in zip(panel.rows, panel.cells, strict=True):
        lines.append([name, *map(panels.format_number, cells)])
    first_width, *widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    aligned = []
    for name, *cells in lines:
        padded = [f"  {cell:>{width}}" for cell, width in zip(cells, widths, strict=True)]
        aligned.append(f"     {name:<{first_width}}" + "".join(padded))
    return aligned
