"""The tables of the step-through: which rows and columns of an array to show, and how to print a number."""

from typing import NamedTuple

import numpy as np

from .. import data, tree

MAX_CHANNELS, FEW_CHANNELS = 16, 8  # an array of more channels shows a few, and the norm of every row
MAX_VOCAB = 32  # a larger vocabulary shows only the tokens of the example


class Panel(NamedTuple):
    """One table. A cell is a float, or a text that is printed as it is."""

    caption: str
    corner: str
    rows: list
    columns: list
    cells: list


class Group(NamedTuple):
    """The panels of one array: its name and shape, one panel for each head and loss."""

    name: str
    shape: str
    panels: list


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


def choose_columns(trace, axis, size):
    """(indices, names) of the columns to show along an axis.

    All keys; all channels, or the first few; the whole vocabulary, or the tokens of the example if
    the vocabulary is large: those that this row predicts and its first input, the response first.
    """
    if axis == "T":
        return list(range(size)), name_positions(trace)
    if axis == "V":
        indices = list(range(size))
        if size > MAX_VOCAB:
            used = np.concatenate([trace.batch.targets[0][::-1], trace.batch.ids[0][:1]])
            indices = list(dict.fromkeys(used.tolist()))
        return indices, [trace.tokenizer.show(i) for i in indices]
    indices = list(range(size if size <= MAX_CHANNELS else FEW_CHANNELS))
    return indices, [str(c) for c in indices]


def make_group(trace, name, axes, arrays):
    """The Group of one array, all heads and losses; `arrays` is {prompt weight, or None: array}."""
    shape = next(iter(arrays.values())).shape
    panels = []
    for head in range(shape[1]) if "H" in axes else [None]:
        for weight, array in arrays.items():
            caption = [name]
            if head is not None:
                caption.append(f"head {head}")
            if weight is not None:
                caption.append(name_loss(weight))
            table = array[0] if "B" in axes else array
            if head is not None:
                table = table[head]
            panels.append(make_panel(trace, ", ".join(caption), axes.split(", "), table, weight is not None))
    shown = [column for column in panels[0].columns if column != "row norm"]
    about = f"({axes}) = {shape}"
    if len(shown) < shape[-1]:
        about += f"; {len(shown)} of {shape[-1]} columns are shown, the row norm is over all"
    return Group(name, about, panels)


def make_panel(trace, caption, axes, table, is_gradient):
    """One table (rows, columns). Gradients and wide arrays also show the norm of each whole row."""
    rows = name_predictions(trace) if axes[-1] == "V" else name_positions(trace)
    if axes[0] == "V":
        indices, rows = choose_columns(trace, "V", len(table))
        table = table[indices]
    indices, columns = choose_columns(trace, axes[-1], table.shape[1])
    cells = table[:, indices].tolist()
    if caption.partition(",")[0].endswith(".scores"):  # the softmax never sees scores of the future
        cells = [[x if j <= i else "×" for j, x in enumerate(line)] for i, line in enumerate(cells)]
    if len(indices) < table.shape[1] or (is_gradient and axes[-1] in ("C", "4C", "D")):
        norms = np.sqrt((table**2).sum(axis=1)).tolist()
        columns = ["row norm", *columns]
        cells = [[norm, *line] for norm, line in zip(norms, cells, strict=True)]
    return Panel(caption, "token" if axes[0] == "V" else "t", rows, columns, cells)


def make_target_group(trace, name, arrays):
    """The Group of one number for each target, arrays (1, T): one column for each loss."""
    columns = ["nats" if weight is None else name_loss(weight) for weight in arrays]
    cells = np.stack([array[0] for array in arrays.values()], axis=1).tolist()
    shape = f"(B, T) = {next(iter(arrays.values())).shape}"
    return Group(name, shape, [Panel(name, "t", name_predictions(trace), columns, cells)])


def tabulate_tokens(trace):
    """Which token is read and predicted at each position, and the roles of both."""
    roles = [data.ROLES[role] for role in trace.batch.roles[0]]
    cells = [list(line) for line in zip(trace.inputs, trace.input_roles, trace.targets, roles, strict=True)]
    columns = ["input", "input is", "target", "target is"]
    table = Panel("tokens", "t", [str(t) for t in range(len(cells))], columns, cells)
    return Group("tokens", f"(B, T) = {trace.batch.ids.shape}", [table])


def tabulate_ids(trace):
    """The integers that the model reads and predicts."""
    pairs = zip(trace.batch.ids[0], trace.batch.targets[0], strict=True)
    cells = [[str(read), str(target)] for read, target in pairs]
    table = Panel("ids and targets", "t", name_predictions(trace), ["ids", "targets"], cells)
    return Group("ids, targets", f"(B, T) = {trace.batch.ids.shape}, integers", [table])


def tabulate_candidates(trace, count=3):
    """The likeliest next tokens of every row, by name, and the target's rank."""
    probs, cells = trace.values["probs"][0], []
    for row, target in zip(probs, trace.batch.targets[0], strict=True):
        best = np.argsort(-row, kind="stable")
        candidates = [f"{trace.tokenizer.show(i)} {format_number(float(row[i]))}" for i in best[:count]]
        rank = int(np.flatnonzero(best == target)[0]) + 1
        cells.append([*candidates, f"rank {rank} of {len(row)}"])
    columns = [*(f"likeliest {k + 1}" for k in range(count)), "target has"]
    table = Panel("top candidates", "t", name_predictions(trace), columns, cells)
    return Group("top candidates", f"{count} of V = {probs.shape[1]}", [table])


def tabulate_loss(trace):
    """The weighted sum of the NLL, the sum of loss weights, and the loss: one row for each loss."""
    names, cells = [], []
    for weight, loss in trace.losses.items():
        loss_mask = trace.loss_masks[weight]
        names.append(name_loss(weight))
        cells.append([float((loss_mask * trace.values["nll"]).sum()), float(loss_mask.sum()), loss])
    table = Panel("loss", "loss", names, ["Σ loss_mask · nll", "Σ loss_mask", "loss"], cells)
    return Group("loss", "() one number, in nats", [table])


def tabulate_parameter_norms(trace):
    """The norm of every parameter's gradient: one column for each loss."""
    norms = [[float(np.sqrt((g**2).sum())) for _, g in tree.named(grads)] for grads in trace.grads.values()]
    parameters = tree.named(next(iter(trace.grads.values())))
    rows = [f"{name} {array.shape}" for name, array in parameters]
    columns = [name_loss(weight) for weight in trace.grads]
    cells = np.transpose(norms).tolist()
    table = Panel("norms of the parameters' gradients", "parameter", rows, columns, cells)
    about = f"{len(rows)} tensors, shapes in the table"
    return Group("grads", about, [table])
