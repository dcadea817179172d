"""A trace as plain text, for terminals and screen readers: every step, its arrays as tables."""

import numpy as np

from .. import data, tree
from . import steps

TITLE = "One example, step by step"
MAX_COLUMNS, FEW_COLUMNS = 32, 8  # a wider array shows a few columns, and the norm of every whole row


def write_text(trace):
    """All steps as plain text. A number shows its sign; only an exact 0 is printed as a bare 0."""
    c = trace.config
    lines = [
        *(TITLE, "=" * len(TITLE)),
        f"{len(trace.inputs)} positions. The input is at the bottom of the model, the loss on top: the "
        "forward goes up, then the gradient comes down. "
        f"n_layer {c.n_layer}, n_head {c.n_head}, n_embd {c.n_embd}, V = {c.vocab_size}; loss: "
        f"{', '.join(map(name_loss, trace.losses))}.",
        "Every number shows its sign, + or -. A bare 0 is exactly zero, and only an exact zero is printed "
        "so: small numbers keep their digits, as in +4.2e-3.",
    ]
    last_phase = None
    for n, (phase, spec, block, is_backward) in enumerate(steps.list_steps(c.n_layer), start=1):
        if phase != last_phase:
            last_phase = phase
            lines += ["", "", phase, "-" * len(phase)]
        lines += ["", f"{n}. {spec.title}", f"   {spec.formula}", f"   {spec.notice}"]
        for key, axes in spec.arrays.items():
            if axes:
                lines += write_arrays(trace, steps.complete_name(key, block, c.n_layer), axes, is_backward)
            else:
                lines += ["", *TABLES[key](trace)]
    return "\n".join(lines) + "\n"


def write_arrays(trace, name, axes, is_backward):
    """The lines of an array, or of its gradient under every loss: one table for each head and loss."""
    arrays = {"": trace.values[name]} if name != "loss_mask" and not is_backward else {}
    if is_backward:
        name = steps.name_gradient(name)
        arrays = {name_loss(weight): gradients[name] for weight, gradients in trace.gradients.items()}
    elif name == "loss_mask":
        arrays = {name_loss(weight): mask for weight, mask in trace.loss_masks.items()}
    shape = next(iter(arrays.values())).shape
    lines = ["", f"   {name}  ({axes}) = {shape}"]
    if is_backward:
        lines.append(f"   Positions where {name} is exactly 0: {count_zeros(arrays)}.")
    if axes == "B, T":
        table = np.concatenate(list(arrays.values())).T
        return lines + align_table(name_predictions(trace), [loss or "nats" for loss in arrays], table)
    rows = name_predictions(trace) if axes.endswith("V") else name_positions(trace)
    for head in range(shape[1]) if "H" in axes else [None]:
        for loss, array in arrays.items():
            table = array if array.ndim == 2 else array[0] if head is None else array[0, head]
            caption = [part for part in (name, "" if head is None else f"head {head}", loss) if part]
            lines += [f"   {', '.join(caption)}"] if len(caption) > 1 else []
            lines += align_table(rows, *choose_columns(trace, axes, table))
    return lines


def choose_columns(trace, axes, table):
    """(column names, columns) of a table; a wide one shows a few, and first the norm of every row."""
    size = table.shape[1]
    names, shown = [str(k) for k in range(size)], list(range(size))
    if axes.endswith("T"):
        names = name_positions(trace)
    elif axes.endswith("V"):
        names = [trace.tokenizer.show(i) for i in range(size)]
    if size <= MAX_COLUMNS:
        return names, table
    shown = shown[:FEW_COLUMNS]
    if axes.endswith("V"):  # what this example predicts and reads first
        shown = list(dict.fromkeys([*trace.batch.targets[0][::-1].tolist(), int(trace.batch.ids[0, 0])]))
    norms = np.sqrt((table**2).sum(axis=1, keepdims=True))
    return ["row norm", *(names[k] for k in shown)], np.concatenate([norms, table[:, shown]], axis=1)


def count_zeros(arrays):
    """How many positions of a gradient are exactly 0, under every loss: "masked 5 of 6, full 0 of 6"."""
    counts = []
    for loss, array in arrays.items():
        rows = array[0].swapaxes(0, 1) if array.ndim == 4 else array[0]  # (T, ...)
        empty = ~rows.reshape(len(rows), -1).any(axis=1)
        counts.append(f"{loss} {empty.sum()} of {len(rows)}")
    return ", ".join(counts)


def tabulate_tokens(trace):
    """Which token is read and predicted at each position, their ids, and the roles of both."""
    batch = trace.batch
    roles = [data.ROLES[role] for role in batch.roles[0]]
    columns = (trace.inputs, map(str, batch.ids[0]), trace.input_roles, trace.targets, roles)
    cells = list(zip(*columns, map(str, batch.targets[0]), strict=True))
    names = [str(t) for t in range(len(cells))]
    return align_table(names, ["input", "id", "input is", "target", "target is", "id"], cells)


def tabulate_loss(trace):
    """The two sums that the mask separates; then the weighted sum, the sum of loss weights, the loss."""
    nll, roles = trace.values["nll"], trace.batch.roles
    log_p_x, log_p_y = (float((nll * mask(roles)).sum()) for mask in (data.prompt_mask, data.response_mask))
    cells = []
    for weight, loss in trace.losses.items():
        mask = trace.loss_masks[weight]
        cells.append([float((mask * nll).sum()), float(mask.sum()), loss])
    columns = ["Σ loss_mask · nll", "Σ loss_mask", "loss"]
    return [
        f"   The prompt's targets sum to {log_p_x:.3f}: this is −log P(x) if a <bos> stands in front. "
        f"The response's targets sum to {log_p_y:.3f}: this is −log P(y|x).",
        *align_table([name_loss(weight) for weight in trace.losses], columns, cells),
    ]


def tabulate_parameter_norms(trace):
    """The norm of every parameter's gradient: one column for each loss."""
    norms = [[float(np.sqrt((g**2).sum())) for _, g in tree.named(grads)] for grads in trace.grads.values()]
    names = [f"{name} {array.shape}" for name, array in tree.named(next(iter(trace.grads.values())))]
    return align_table(names, [name_loss(weight) for weight in trace.grads], np.transpose(norms))


TABLES = {"tokens": tabulate_tokens, "loss": tabulate_loss, "grads": tabulate_parameter_norms}


def align_table(names, columns, table):
    """The lines of one table: row names to the left, cells (numbers or texts) to the right."""
    lines = [["", *columns]]
    lines += [[name, *map(format_number, cells)] for name, cells in zip(names, table, strict=True)]
    first_width, *widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    aligned = []
    for name, *cells in lines:
        padded = [f"  {cell:>{width}}" for cell, width in zip(cells, widths, strict=True)]
        aligned.append(f"     {name:<{first_width}}" + "".join(padded))
    return aligned


def format_number(cell):
    """A number as text that shows its sign and never rounds to nothing.

    Only an exact zero is "0", whatever its sign bit: 0.1234 -> "+0.123", -0.0042 -> "-4.2e-3",
    12.3456 -> "+12.346".
    """
    if isinstance(cell, str):
        return cell
    if cell == 0:
        return "0"
    if not np.isfinite(cell) or 0.00995 <= abs(cell) < 9999:
        return f"{cell:+.3f}"
    digits, exponent = f"{cell:+.1e}".split("e")
    return f"{digits}e{int(exponent)}"


def name_loss(weight):
    """The name of a loss in tables: masked, full, or its prompt weight."""
    return {0: "masked", 1: "full"}.get(weight, f"weight {weight:g}")


def name_positions(trace):
    """Names of the positions: what the model reads there."""
    return [f"{t} {token}" for t, token in enumerate(trace.inputs)]


def name_predictions(trace):
    """Names of the positions: what the model reads there, and what it should predict."""
    return [f"{read} → {target}" for read, target in zip(name_positions(trace), trace.targets, strict=True)]
