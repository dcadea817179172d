"""What an exercise is made of, and random numbers for its cases."""

from typing import NamedTuple

import numpy as np

from ... import tree


def as_tuple(result):
    """The outputs of a function that returns one value or a tuple of several."""
    return result if isinstance(result, tuple) else (result,)


def name_no_constants(*args):
    """For exercises in which no factor tells anything."""
    return {}


def find_nothing(label, wrong):
    """For exercises that leave it to their known mistakes."""
    return ""


class Exercise(NamedTuple):
    """One exercise.

    task: one or two sentences; the first starts with the call, e.g. "shift(tokens): ...".
    labels: the names of the outputs.
    solve: minilm's own function.
    make_case: (rng, dtype) -> the arguments of one random case.
    make_mistakes: arguments -> {label: {sentence: wrong value}}, the known mistakes of an output.
    hints: two texts; the second is the body of a right function, or the expression that it returns.
    constants: arguments -> {name: number above 0}, factors that learners forget or use twice.
    split_outputs: a result -> a tuple of arrays, one for each label.
    is_tuple: whether the function must return a tuple.
    returns: the names of what it returns, where they are not the labels.
    diagnose: (label, wrong cases (args, got, right)) -> a sentence or "", for slips that have a number of
        their own in them, such as a constant in a logarithm.
    row_labels: arguments -> what the targets are, (B, T), where a wrong answer should be shown as a row.
    show_off: function -> what a right one gives on an example that the learner knows, in a line or two.
    kinds: where random cases are not enough, what make_case gets as a third argument, one case for each.
    """

    task: str
    labels: tuple
    solve: object
    make_case: object
    make_mistakes: object
    hints: tuple
    constants: object = name_no_constants
    split_outputs: object = as_tuple
    is_tuple: bool = True
    returns: tuple = ()
    diagnose: object = find_nothing
    row_labels: object = None
    show_off: object = None
    kinds: tuple = ()

    def make_cases(self, seed=0):
        """Yield the arguments of four random cases, or of one for each of `kinds`, in both precisions; with
        seed 0, no shape comes twice."""
        choices = [(kind,) for kind in self.kinds] or [()] * 4
        for k, choice in enumerate(choices):
            rng = np.random.default_rng(55 + seed * len(choices) + k)
            yield self.make_case(rng, np.float32 if k == 1 else np.float64, *choice)

    def describe_call(self):
        """How the function is called, e.g. "gelu_backward(dy, cache)"."""
        return self.task.split(":")[0]

    def describe_result(self):
        """What the function should return, e.g. "the tuple (dx,)"."""
        names = self.returns or self.labels
        if not self.is_tuple:
            return self.returns[0] if self.returns else f"one array, {names[0]}"
        return f"the tuple ({names[0]},)" if len(names) == 1 else f"the tuple ({', '.join(names)})"


def pick_leaves(params, names, what):
    """The arrays of a tree in the order of `names`. Raises ValueError, calling it `what`, for other names."""
    if not isinstance(params, dict):
        raise ValueError(f"{what} is {type(params).__name__}, not a dict")
    leaves = dict(tree.named(params))
    dotted = [key for key in params if "." in str(key)]
    if dotted:
        raise ValueError(f"{what} is flat, with keys such as {dotted[0]!r}; nest it: tree.from_named({what})")
    for name in names:
        if name not in leaves:
            raise ValueError(f"{what} lacks {name}")
    for name in leaves:
        if name not in names:
            raise ValueError(f"{what} has {name}, which does not belong there")
    return tuple(leaves[name] for name in names)


def count_rows(dy, cache):
    """The factors by which a sum over rows differs from a mean."""
    B, T, C = dy.shape
    rows = {"the number of rows B T": B * T, "B": B, "T": T, "C": C}
    return rows | {"the number of entries of dy": dy.size}


def draw_sizes(rng, *names, low=2):
    """One random size for each name, all different, so that no axis can be taken for another."""
    return rng.permutation(np.arange(low, low + len(names) + 3))[: len(names)].tolist()


def draw_normal(rng, dtype, *shape):
    """Standard normal numbers."""
    return rng.normal(size=shape).astype(dtype)


def draw_roles(rng):
    """Roles (B, T + 1) of a padded batch: uneven prompts, answers of 2 to 4 tokens, <eos>, pads."""
    n_rows = int(rng.integers(3, 7))
    n_prompts = rng.permutation(np.arange(2, 2 + n_rows))
    rows = [[1] + [2] * int(n) + [3] * int(rng.integers(2, 5)) + [4] for n in n_prompts]
    longest = max(map(len, rows)) + 1  # at least one pad in every row
    return np.array([row + [0] * (longest - len(row)) for row in rows])


def pick_targets(array, targets):
    """The entries (B, T) of an array (B, T, V) at the targets (B, T)."""
    return np.take_along_axis(array, targets[..., None], axis=-1)[..., 0]
