"""Faults, two at once, one in many plans."""

from .plans import build

# faults that only a model shows which knows absolute positions
NEEDS_POSITIONS = {"positions_not_reset"}


def chain(first, second):
    """Two faults in one set-up."""

    def plant_both(plan):
        return second(first(plan))

    plant_both.__name__ = f"{first.__name__} and {second.__name__}"
    return plant_both


def plant(fault, plan, needs_positions=False):
    """seed -> SetUp of the plan with the fault; the right plan's rows are what is meant."""

    def set_up(seed):
        seed = 2 * seed if needs_positions else seed  # even seeds draw the model with absolute positions
        return build(fault(plan(seed)), plan(seed))

    return set_up


def plant_all(*groups):
    return [
        (
            f"{name}, {fault.__name__} in {plan.__name__}",
            {name, *others},
            plant(fault, plan, name in NEEDS_POSITIONS),
        )
        for group in groups
        for name, fault, plans, *others in group
        for plan in plans
    ]
