"""What was meant: which tokens should carry how much loss, and what the loss should be divided by."""

import numbers
from typing import NamedTuple

import numpy as np

from .. import chat, data
from .report import DiagnoseError


class Meant(NamedTuple):
    """What a training step is measured against; `pipeline` takes each field as a keyword.

    prompt_weight: loss weight of all that is no answer. role_weights: loss weight of the messages of a role,
        as in {"assistant": 1, "tool": 0.1}; roles that are not named have 1 (assistant) or prompt_weight.
    think, think_weight: (what opens, what closes) a stretch of thinking inside answers, both as text or
        ids, and the loss weight of that stretch, its two ends included.
    answer_prefix: how answers begin where that beginning is meant to carry no loss, as text or ids.
    stop_ids: the ids that end an answer. Unsaid, the template tells.
    generation_prompt: what inference puts before an answer, as text or ids. Unsaid, template tokens
        next to an answer (header, newline before or after the stop token, empty think block) are free.
    template_weight: the loss weight that those should have, if they are not free.
    pad_id: the padding id, where the rows do not tell. ignore_index: what targets without loss hold.
    denominator: what the loss is divided by. "weights": the sum of the batch's loss weights, or 1, or a
        number that the batch hands over. "sum": 1. A number: that number.
    decode: function from a list of ids to text, for the strips.
    """

    prompt_weight: float = 0.0
    role_weights: dict | None = None
    think: tuple | None = None
    think_weight: float | None = None
    answer_prefix: object = ()
    stop_ids: object = ()
    generation_prompt: object = ()
    template_weight: float | None = None
    pad_id: int | None = None
    ignore_index: int = -100
    denominator: object = "weights"
    decode: object = None

    def weigh_role(self, role):
        """The loss weight of a role's messages."""
        known = {"assistant": 1.0} | (self.role_weights or {})
        return float(known.get(role, self.prompt_weight))


def read_meant(prompt_weight, options, encode):
    """The keywords of `pipeline` as a Meant, all tokens as lists of ids. Raises ValueError."""
    unknown = sorted(set(options) - set(Meant._fields))
    if unknown:
        raise DiagnoseError(f"{unknown[0]!r} cannot be said: known are {', '.join(Meant._fields)}")
    data.loss_mask(np.zeros((1, 1), int), prompt_weight)  # checks the weight
    meant = Meant(**{"prompt_weight": prompt_weight} | options)
    check_weights(meant)
    check_others(meant)
    think = tuple(to_ids("think", ids, encode) for ids in meant.think or ())
    if len(think) not in (0, 2):
        raise DiagnoseError("think must be a pair: what opens a stretch of thinking, and what closes it")
    stops = meant.stop_ids if np.iterable(meant.stop_ids) else [meant.stop_ids]
    return meant._replace(
        think=think,
        think_weight=1.0 if meant.think_weight is None else float(meant.think_weight),
        answer_prefix=to_ids("answer_prefix", meant.answer_prefix, encode),
        generation_prompt=to_ids("generation_prompt", meant.generation_prompt, encode),
        stop_ids=to_ids("stop_ids", stops, encode),
    )


def check_weights(meant):
    """Raise DiagnoseError for a loss weight that is none, or that nothing would have."""
    roles = meant.role_weights or {}
    if not isinstance(roles, dict):
        raise DiagnoseError(f"role_weights is {roles!r:.80}: give a dict, as in {{'tool': 0.1}}")
    weights = {f"role_weights[{role!r}]": weight for role, weight in roles.items()}
    weights |= {"think_weight": meant.think_weight or 0.0, "template_weight": meant.template_weight or 0.0}
    for name, weight in weights.items():
        if not chat.is_number(weight) or not 0 <= weight < np.inf:
            raise DiagnoseError(f"{name} is {weight!r:.40}: give a number that is not negative")
    if meant.think_weight is not None and not meant.think:
        raise DiagnoseError("think_weight is given without think: say what opens and closes thinking")


def check_roles(meant, present):
    """Raise DiagnoseError for a role that has a loss weight and stands in no example, unless it is known."""
    strange = set(meant.role_weights or {}) - set(present) - set(chat.SPEAKERS)
    if strange:
        raise DiagnoseError(
            f"role_weights names {sorted(map(str, strange))[0]!r}, which no message has: the roles are "
            f"{', '.join(sorted(map(str, present)))}"
        )


def check_others(meant):
    """Raise DiagnoseError for a denominator, an id or a function that is none."""
    divisor = meant.denominator
    is_positive = chat.is_number(divisor) and 0 < divisor < np.inf
    if divisor not in ("weights", "sum") and not is_positive:
        raise DiagnoseError(f"denominator is {divisor!r:.60}: give 'weights', 'sum' or a positive number")
    for name in ("pad_id", "ignore_index"):
        number = getattr(meant, name)
        if not chat.is_number(number, numbers.Integral) and (name, number) != ("pad_id", None):
            raise DiagnoseError(f"{name} is {number!r:.40}: give one id")
    if meant.decode is not None and not callable(meant.decode):
        raise DiagnoseError(f"decode is {meant.decode!r:.40}: give a function from a list of ids to text")


def to_ids(name, given, encode):
    """Text or ids as a list of ids. Raises DiagnoseError."""
    try:
        return [int(i) for i in (encode(given) if isinstance(given, str) else given)]
    except Exception as error:  # encode is the user's
        raise DiagnoseError(f"{name} is {given!r:.60}, neither ids nor text that `encode` takes") from error
