"""Right plans that differ in the step: divisors, precision, further terms, what comes back."""

from functools import partial

import numpy as np

from . import collators, models, steps
from . import templates as t
from .plans import plan_chats, plan_pairs

COUNTED = steps.read_as("count")


def with_number(collate, number_of):
    """A collator that hands number_of(the weights' sum) over as well."""

    def collate_counted(rows):
        batch = collate(rows)
        total = sum(sum(collators.take_weights(row)) for row in rows)
        if isinstance(batch, dict):
            return batch | {"num_items_in_batch": number_of(total)}
        return *batch, number_of(total)

    return collate_counted


def divide_by_weights_handed_over(seed):
    return plan_pairs(seed, collate=with_number(collators.pad, float), read=COUNTED, divide=steps.by_count)


def divide_by_window(seed):
    """num_items_in_batch of four such batches."""
    collate = with_number(collators.pad, lambda total: 4 * total + 3)
    return plan_pairs(seed, collate=collate, read=COUNTED, divide=steps.by_count)


def divide_dict_by_window(seed):
    """The count is an integer, and a batch without targets adds nothing to its window."""
    collate = with_number(collators.collect, lambda total: int(3 * total + 5))
    return plan_chats(
        seed, collate=collate, read=steps.read_dict, divide=steps.by_count, check=steps.allow_empty
    )


def sum_up(seed):
    return plan_pairs(seed, divide=steps.by_one, meant={"denominator": "sum"})


def sum_up_unsaid(seed):
    return plan_chats(seed, divide=steps.by_one)


def sum_nothing_up(seed):
    """A sum of nothing is 0, and no mean stands behind it."""
    return plan_pairs(seed, divide=steps.by_one, check=steps.allow_empty, meant={"denominator": "sum"})


def divide_by_batch_size(seed):
    return plan_pairs(seed, divide=steps.by(16.0), meant={"denominator": 16.0})


def divide_by_all_tokens(seed):
    """A constant of training: batch size times length."""
    return plan_chats(
        seed,
        collate=partial(collators.pad, length=64),
        divide=steps.by(4 * 64),
        check=steps.allow_empty,
        meant={"denominator": 4 * 64},
    )


def round_loss_to_bfloat(seed):
    return plan_pairs(seed, give=steps.round_to_bfloat)


def round_loss_to_half(seed):
    return plan_chats(seed, give=steps.round_to_half)


def round_loss_to_bfloat_alone(seed):
    """The rounded loss is all that comes back."""
    return plan_pairs(seed, give=lambda loss, dlogits: steps.round_to_bfloat(loss, dlogits)[0])


def shake_last_bits(seed):
    return plan_pairs(seed, give=steps.shake(seed))


def shake_last_bits_of_loss_alone(seed):
    shake = steps.shake(seed)
    return plan_chats(seed, give=lambda loss, dlogits: float(shake(loss, dlogits)[0]))


def compute_in_float32(seed):
    return plan_pairs(seed, model=models.draw_model(seed, np.float32))


def smooth_labels(seed):
    return plan_pairs(seed, smoothing=0.137)


def smooth_labels_and_pack(seed):
    return plan_pairs(
        seed, smoothing=0.137, collate=collators.pack, read=steps.read_as("positions", "documents")
    )


def add_router_balance(seed):
    """Gradient reaches the router, no logits."""
    return plan_pairs(seed, terms=(steps.balance_router,))


def add_router_balance_and_pack(seed):
    return plan_chats(
        seed,
        terms=(steps.balance_router,),
        collate=collators.flatten,
        read=steps.read_as("positions", "documents"),
    )


def add_router_balance_and_hide(seed):
    return plan_pairs(seed, terms=(steps.balance_router,), give=steps.hide_gradient)


def add_weight_decay(seed):
    """A constant in the loss."""
    return plan_pairs(
        seed, terms=(steps.decay_weights,), give=(steps.give_both, steps.hide_gradient)[seed % 2]
    )


def add_normalizer_on_trained(seed):
    return plan_pairs(seed, terms=(steps.shrink_normalizer,))


def give_loss_alone(seed):
    return plan_pairs(seed, give=steps.hide_gradient)


def give_loss_alone_of_chats(seed):
    return plan_chats(seed, give=steps.hide_gradient, template=t.LLAMA3, parts={"header": 1.0})


def give_loss_alone_of_packs(seed):
    return plan_pairs(
        seed, give=steps.hide_gradient, collate=collators.pack, read=steps.read_as("positions", "documents")
    )


def give_loss_alone_of_left_dict(seed):
    return plan_pairs(
        seed, give=steps.hide_gradient, collate=partial(collators.collect, left=True), read=steps.read_dict
    )


def read_labels_alone(seed):
    """-100 says it all; the mask argument is not looked at."""
    return plan_pairs(seed, collate=partial(collators.pad, blank=True), read=steps.read_labels)


def refuse_empty_by_division(seed):
    def check(seen):
        _ = 1 / int(steps.weigh_mask(seen).any())

    return plan_pairs(seed, check=check)


def compute_in_bfloat(seed):
    """Loss and gradient come back in bfloat16."""

    def give(loss, dlogits):
        return steps.round_to_bfloat(loss, None)[0], steps.round_bits(dlogits)

    return plan_pairs(seed, give=give)


def stay_near_base_on_trained(seed):
    """A KL term on the trained targets alone."""
    return plan_pairs(
        seed, terms=(lambda seen, logits: steps.stay_near_base(logits, steps.weigh_mask(seen)),)
    )


def predict_next_but_one(seed):
    """A second head learns the target after the next; its gradient does not pass through these logits."""

    def term(seen, logits):
        weights = steps.shift_left(steps.weigh_mask(seen), 0.0)
        targets = steps.shift_left(seen.targets, -100)
        other = seen._replace(targets=targets, mask=weights)
        return 0.3 * steps.find_loss(np.cos(logits), other, max(weights.sum(), 1.0))[0], 0.0

    return plan_pairs(seed, terms=(term,))


RIGHT = [
    value
    for name, value in list(globals().items())
    if getattr(value, "__module__", "") == __name__ and value is not with_number
]
