"""What an exercise is made of."""

from typing import NamedTuple

import numpy as np

from .. import tree


def as_tuple(result):
    """The outputs of a function that returns one value or a tuple of several."""
    return result if isinstance(result, tuple) else (result,)


def no_constants(*args):
    """For exercises without a telling factor."""
    return {}


class Exercise(NamedTuple):
    """One exercise.

    task: one or two sentences, the signature first. labels: names of the outputs. solve: minilm's
    own function. make: (rng, dtype) -> arguments of one random case. mistakes: (label, sentence,
    function of the arguments) for each known wrong value of an output. hints: two, the second
    nearly the solution. constants: arguments -> {"name": number above 0} by which learners divide
    or multiply too often or not at all. outputs: a result -> tuple of arrays, one for each label.
    is_tuple: whether a tuple is asked for. returns: names of its values, if not the labels.
    """

    task: str
    labels: tuple
    solve: object
    make: object
    mistakes: tuple
    hints: tuple
    constants: object = no_constants
    outputs: object = as_tuple
    is_tuple: bool = True
    returns: tuple = ()

    def cases(self):
        """Arguments of four random cases of different shapes, in both precisions."""
        dtypes = (np.float64, np.float32, np.float64, np.float64)
        for seed, dtype in enumerate(dtypes, start=55):  # seeds that never give a shape twice
            yield self.make(np.random.default_rng(seed), dtype)

    def signature(self):
        """How the function is called, e.g. "gelu_backward(dy, cache)"."""
        return self.task.split(":")[0]

    def wanted(self):
        """What the function shall return, e.g. "the tuple (dx,)"."""
        names = self.returns or self.labels
        if not self.is_tuple:
            return f"one array, {names[0]}"
        return f"the tuple ({names[0]},)" if len(names) == 1 else f"the tuple ({', '.join(names)})"


def leaves(given, names, what):
    """The arrays of a tree, in the order of `names`. Raises ValueError for other names."""
    if not isinstance(given, dict):
        raise ValueError(f"{what} is {type(given).__name__}, not a dict")
    found = dict(tree.named(given))
    for name in names:
        if name not in found:
            raise ValueError(f"{what} lacks {name}")
    for name in found:
        if name not in names:
            raise ValueError(f"{what} has {name}, which does not belong there")
    return tuple(found[name] for name in names)


def sizes(rng, *names, low=2):
    """Different random sizes, so that no axis can be taken for another."""
    return rng.permutation(np.arange(low, low + len(names) + 3))[: len(names)].tolist()


def normal(rng, dtype, *shape):
    """Standard normal numbers."""
    return rng.normal(size=shape).astype(dtype)


def uneven_roles(rng):
    """Roles (B, T + 1) of a padded batch: uneven prompts, answers of 2 to 4 tokens, <eos>, pads."""
    n_rows = int(rng.integers(3, 7))
    n_prompts = rng.permutation(np.arange(2, 2 + n_rows))
    rows = [[1] + [2] * int(n) + [3] * int(rng.integers(2, 5)) + [4] for n in n_prompts]
    longest = max(map(len, rows)) + 1  # at least one pad in every row
    return np.array([row + [0] * (longest - len(row)) for row in rows])
