"""RIGHT: functions seed -> SetUp of which nothing bad may be said."""

from functools import wraps

from . import right_contents, right_dicts, right_packs, right_roles, right_rows, right_steps, right_templates
from .plans import build


def build_from(plan):
    """seed -> SetUp, under the plan's name."""

    @wraps(plan)
    def set_up(seed):
        return build(plan(seed))

    return set_up


GROUPS = {
    group: [build_from(plan) for plan in plans]
    for group, plans in {
        "rows": right_rows.RIGHT,
        "packs": right_packs.RIGHT,
        "dicts": right_dicts.RIGHT,
        "templates": right_templates.RIGHT,
        "contents": right_contents.RIGHT,
        "roles": right_roles.RIGHT,
        "steps": right_steps.RIGHT,
    }.items()
}
RIGHT = [set_up for group in GROUPS.values() for set_up in group]
