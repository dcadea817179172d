"""A Plan has one of everything that a set-up is made of; a fault replaces one of them."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from . import collators, draws, models, steps, templates


class SetUp(NamedTuple):
    """What a user hands over: make_batch, step, examples, encode, and keyword arguments of what is meant.

    rows(examples) -> the rows of pieces as they are meant, for the oracle.
    """

    make_batch: Callable
    step: Callable
    examples: list
    encode: Callable
    meant: dict
    rows: Callable


class Plan(NamedTuple):
    examples: list
    model: Any
    template: templates.Template = templates.CHATML
    think: tuple = ()
    roles: dict = {"assistant": 1.0}  # noqa: RUF012
    parts: dict = {}  # noqa: RUF012
    change: Callable = lambda row, messages: row  # of a lit row
    collate: Callable = collators.pad
    read: Callable = steps.read_as()
    check: Callable = steps.refuse_empty
    divide: Callable = steps.by_weights
    smoothing: float = 0.0
    terms: tuple = ()
    give: Callable = steps.give_both
    encode: Callable = list
    meant: dict = {}  # noqa: RUF012


def make_row(plan, example):
    """An example's row of pieces, lit."""
    messages = draws.read_messages(example, plan.encode)
    row = templates.render(plan.template, messages, plan.think)
    return plan.change(templates.light(row, messages, plan.roles, **plan.parts), messages)


def make_step(plan):
    def step(*batch):
        seen = plan.read(*batch)
        plan.check(seen)
        logits = plan.model.find_logits(seen.ids, seen.positions, seen.documents, seen.readable)
        loss, dlogits = steps.find_loss(logits, seen, plan.divide(seen), plan.smoothing)
        for term in plan.terms:
            more, dmore = term(seen, logits)
            loss, dlogits = loss + more, dlogits + dmore
        return plan.give(loss, dlogits)

    return step


def build(plan, meant_plan=None):
    """The SetUp of a plan; meant_plan is the right plan behind a faulty one."""

    def make_batch(examples):
        return plan.collate([make_row(plan, example) for example in examples])

    def rows(examples):
        return [make_row(meant_plan or plan, example) for example in examples]

    return SetUp(make_batch, make_step(plan), plan.examples, plan.encode, plan.meant, rows)


def plan_pairs(seed, **parts):
    """Prompts and answers in ChatML, unless told otherwise."""
    rng = np.random.default_rng(seed)
    return Plan(draws.draw_pairs(rng), models.draw_model(seed))._replace(**parts)


def plan_chats(seed, tools=False, system=False, **parts):
    """Conversations in ChatML, unless told otherwise."""
    rng = np.random.default_rng(seed)
    return Plan(draws.draw_chats(rng, tools, system), models.draw_model(seed))._replace(**parts)
