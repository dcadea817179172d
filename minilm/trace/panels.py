"""The step-through's tables: which rows and columns of an array are shown, and how a number is written."""

from typing import NamedTuple

import numpy as np

from .. import data, tree

MAX_CHANNELS, FEW = 16, 8  # an array of more channels shows its first few, and the norm of every row
MAX_VOCAB = 32  # of a larger vocabulary only the tokens of the example are shown


class Panel(NamedTuple):
    """One table: caption, prompt weight of its loss (None: of no loss), corner, heads, cells.

    A cell is a float, or a text that is printed as it is.
    """

    caption: str
    weight: float | None
    corner: str
    rows: list
    columns: list
    cells: list


class Group(NamedTuple):
    """Panels on one scale: name and shape, signed or not, full colour at `limit` (None: no colour)."""

    name: str
    shape: str
    signed: bool
    limit: float | None
    panels: list


def number(cell):
    """A number as text that shows its sign and never rounds to nothing.

    An exact zero is "0", whatever its sign bit, and nothing else is: 0.1234 -> "+0.123",
    -0.0042 -> "-4.2e-3", 12.3456 -> "+12.346".
    """
    if isinstance(cell, str):
        return cell
    if cell == 0:
        return "0"
    if not np.isfinite(cell) or 0.00995 <= abs(cell) < 9999:
        return f"{cell:+.3f}"
    digits, exponent = f"{cell:+.1e}".split("e")
    return f"{digits}e{int(exponent)}"


def loss_name(weight):
    """The name of a loss in figures and tables."""
    return {0: "masked", 1: "full"}.get(weight, f"weight {weight:g}")


def places(trace, pairs=False):
    """Names of the positions: what is read there, and with `pairs` also what is predicted."""
    names = [f"{t} {token}" for t, token in enumerate(trace.inputs)]
    return [f"{a} → {b}" for a, b in zip(names, trace.targets, strict=True)] if pairs else names


def pick(trace, axis, size):
    """Which columns along an axis are shown, and their names.

    All keys; all channels, or the first few; the whole vocabulary, or of a large one the tokens
    that this row predicts and reads, the response first.
    """
    if axis == "T":
        return list(range(size)), places(trace)
    if axis != "V":
        keep = list(range(size if size <= MAX_CHANNELS else FEW))
        return keep, [str(c) for c in keep]
    keep = list(range(size))
    if size > MAX_VOCAB:
        used = np.concatenate([trace.batch.targets[0][::-1], trace.batch.ids[0][:1]])
        keep = list(dict.fromkeys(used.tolist()))
    return keep, [trace.tokenizer.show(i) for i in keep]


def group(trace, name, axes, arrays):
    """All heads and losses of one array; `arrays` is {prompt weight, or None: array}."""
    shape = next(iter(arrays.values())).shape
    share = name.endswith((".weights", "probs"))
    panels = []
    for head in range(shape[1]) if "H" in axes else [None]:
        for weight, array in arrays.items():
            table = array if "B" not in axes else array[0] if head is None else array[0, head]
            parts = [name, *([] if head is None else [f"head {head}"])]
            parts += [] if weight is None else [loss_name(weight)]
            panels.append(panel(trace, ", ".join(parts), weight, axes.split(", "), table))
    shown = [column for column in panels[0].columns if column != "row norm"]
    about = f"({axes}) = {shape}"
    if len(shown) < shape[-1]:
        about += f"; {len(shown)} of {shape[-1]} columns are shown, the row norm is over all"
    return Group(name, about, not share, 1.0 if share else largest(arrays.values()), panels)


def panel(trace, caption, weight, axes, table):
    """One table (rows, columns); gradients and wide arrays also show the norm of each whole row."""
    if axes[0] == "V":
        kept, rows = pick(trace, "V", len(table))
        table = table[kept]
    else:
        rows = places(trace, pairs=axes[-1] == "V")
    keep, columns = pick(trace, axes[-1], table.shape[1])
    cells = table[:, keep].tolist()
    if caption.partition(",")[0].endswith(".scores"):  # the values themselves: never seen by softmax
        cells = [[x if j <= i else "×" for j, x in enumerate(line)] for i, line in enumerate(cells)]
    channels = axes[-1] in ("C", "4C", "D")
    if len(keep) < table.shape[1] or (channels and weight is not None):
        norms = np.sqrt((table**2).sum(axis=1)).tolist()
        columns = ["row norm", *columns]
        cells = [[norm, *line] for norm, line in zip(norms, cells, strict=True)]
    return Panel(caption, weight, "token" if axes[0] == "V" else "t", rows, columns, cells)


def largest(arrays):
    """max |x| over all arrays: both ends of a colour scale that is shared and centred at 0."""
    return max(float(np.abs(array).max(where=np.isfinite(array), initial=0)) for array in arrays)


def per_token(trace, name, arrays):
    """Numbers (1, T), one column a loss."""
    columns = ["nats" if weight is None else loss_name(weight) for weight in arrays]
    cells = np.stack([array[0] for array in arrays.values()], axis=1).tolist()
    shape = f"(B, T) = {next(iter(arrays.values())).shape}"
    table = Panel(name, None, "t", places(trace, pairs=True), columns, cells)
    return Group(name, shape, False, largest(arrays.values()), [table])


def tokens(trace):
    """Which token is read and predicted at each position, and the roles of both."""
    roles = [data.ROLES[role] for role in trace.batch.roles[0]]
    cells = [list(line) for line in zip(trace.inputs, trace.input_roles, trace.targets, roles, strict=True)]
    columns = ["input", "input is", "target", "target is"]
    table = Panel("tokens", None, "t", [str(t) for t in range(len(cells))], columns, cells)
    return Group("tokens", f"(B, T) = {trace.batch.ids.shape}", True, None, [table])


def ids(trace):
    """The integers that the model reads and predicts."""
    cells = [[str(a), str(b)] for a, b in zip(trace.batch.ids[0], trace.batch.targets[0], strict=True)]
    table = Panel("ids and targets", None, "t", places(trace, pairs=True), ["ids", "targets"], cells)
    return Group("ids, targets", f"(B, T) = {trace.batch.ids.shape}, integers", True, None, [table])


def candidates(trace, count=3):
    """The likeliest next tokens of every row, by name, and the target's rank."""
    probs, cells = trace.values["probs"][0], []
    for row, target in zip(probs, trace.batch.targets[0], strict=True):
        best = np.argsort(-row, kind="stable")
        named = [f"{trace.tokenizer.show(i)} {number(float(row[i]))}" for i in best[:count]]
        cells.append([*named, f"rank {int(np.flatnonzero(best == target)[0]) + 1} of {len(row)}"])
    columns = [*(f"likeliest {k + 1}" for k in range(count)), "target has"]
    table = Panel("top candidates", None, "t", places(trace, pairs=True), columns, cells)
    return Group("top candidates", f"{count} of V = {probs.shape[1]}", True, None, [table])


def loss(trace):
    """Sum of weights, weighted sum of the NLL, and the loss, for every loss."""
    names, cells = [], []
    for weight, value in trace.losses.items():
        total = float(trace.loss_masks[weight].sum())
        names.append(loss_name(weight))
        cells.append([float((trace.loss_masks[weight] * trace.values["nll"]).sum()), total, value])
    table = Panel("loss", None, "loss", names, ["Σ loss_mask · nll", "Σ loss_mask", "loss"], cells)
    return Group("loss", "() one number, in nats", True, None, [table])


def grads(trace):
    """Norm of every parameter's gradient, one column a loss."""
    norms = [[float(np.sqrt((g**2).sum())) for _, g in tree.named(grads)] for grads in trace.grads.values()]
    named = tree.named(next(iter(trace.grads.values())))
    rows = [f"{name} {array.shape}" for name, array in named]
    columns = [loss_name(weight) for weight in trace.grads]
    table = Panel(
        "norms of the parameters' gradients", None, "parameter", rows, columns, np.transpose(norms).tolist()
    )
    return Group(
        "grads", f"{len(rows)} tensors, shapes in the table", False, largest([np.array(norms)]), [table]
    )
