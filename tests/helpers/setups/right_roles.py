"""Right plans that differ in who carries loss, and how much."""

from functools import partial

from . import collators, steps
from . import templates as t
from .draws import change_answers
from .plans import plan_chats, plan_pairs

PACKED = steps.read_as("positions", "documents")


def keep_tools_dark(seed):
    return plan_chats(seed, tools=True)


def light_tools_faintly(seed):
    roles = {"assistant": 1.0, "tool": 0.1}
    return plan_chats(seed, tools=True, roles=roles, meant={"role_weights": roles})


def light_tools_fully(seed):
    """Said, so it is meant."""
    roles = {"assistant": 1.0, "tool": 1.0}
    return plan_chats(seed, tools=True, roles=roles, template=t.LLAMA3, meant={"role_weights": roles})


def stop_calls_otherwise(seed):
    """A call ends with <eom>, the last answer with <eot>."""
    return plan_chats(seed, tools=True, template=t.LLAMA3_CALLS)


def say_two_stops(seed):
    return plan_chats(seed, tools=True, template=t.LLAMA3_CALLS, meant={"stop_ids": (t.END, t.EOM)})


def use_tools_in_mistral(seed):
    return plan_chats(seed, tools=True, template=t.MISTRAL, system=True)


def use_tools_in_packs(seed):
    return plan_chats(seed, tools=True, collate=collators.pack, read=PACKED)


def mark_messages(plan, field, value):
    """The field in every answer but each conversation's last."""
    examples = change_answers(plan.examples, lambda message, k: message | {field: value})
    for example in examples:
        example["messages"][-1].pop(field)
    return plan._replace(examples=examples)


def darken_by_weight(seed):
    return mark_messages(plan_chats(seed), "weight", 0)


def darken_by_flag(seed):
    """train, trainable, training, loss by turns."""
    return mark_messages(plan_chats(seed, template=t.LLAMA3), t.FLAGS[seed % 4], False)


def say_flags_that_are_true(seed):
    return mark_messages(plan_chats(seed), t.FLAGS[seed % 4], True)


def weigh_messages(seed):
    return mark_messages(plan_chats(seed), "weight", 0.5)


def darken_calls_in_dict(seed):
    plan = plan_chats(seed, tools=True, collate=collators.collect, read=steps.read_dict)
    return mark_messages(plan, "weight", 0)


def weigh_prompts(seed):
    return plan_pairs(seed, roles={"assistant": 1.0, "user": 0.1}, meant={"prompt_weight": 0.1})


def fill_dark(weight, keep_begin=False):
    """A change of rows: what is dark gets the weight."""

    def change(row, messages):
        return [
            piece._replace(weight=weight)
            if piece.weight == 0 and not (keep_begin and piece.part == "begin")
            else piece
            for piece in row
        ]

    return change


def weigh_prompts_and_headers(seed):
    return plan_pairs(seed, change=fill_dark(0.1), meant={"prompt_weight": 0.1})


def weigh_prompts_and_headers_in_chats(seed):
    return plan_chats(seed, template=t.LLAMA3, change=fill_dark(0.25), meant={"prompt_weight": 0.25})


def weigh_prompts_in_plain_text(seed):
    return plan_pairs(seed, template=t.PLAIN, change=fill_dark(0.3), meant={"prompt_weight": 0.3})


def train_whole_sequence(seed):
    return plan_pairs(seed, change=fill_dark(1.0), meant={"prompt_weight": 1.0})


def train_whole_chats(seed):
    return plan_chats(seed, template=t.LLAMA3, change=fill_dark(1.0), meant={"prompt_weight": 1.0})


def train_all_contents(seed):
    """All that is said, without headers."""
    roles = {"assistant": 1.0, "user": 1.0}
    return plan_chats(seed, roles=roles, meant={"prompt_weight": 1.0})


def train_whole_packs(seed):
    """Full loss, but for the first token of each document."""
    return plan_pairs(
        seed,
        template=t.LLAMA3,
        change=fill_dark(1.0),
        collate=collators.pack,
        read=PACKED,
        meant={"prompt_weight": 1.0},
    )


def train_whole_flat_dict(seed):
    """The first label of each document is -100."""
    return plan_pairs(
        seed,
        change=fill_dark(1.0),
        collate=collators.collect_flat,
        read=steps.read_dict,
        meant={"prompt_weight": 1.0},
    )


def weigh_system(seed):
    roles = {"assistant": 1.0, "system": 0.2}
    return plan_chats(seed, system=True, roles=roles, meant={"role_weights": roles})


def train_users_alone(seed):
    """A model of users: said, so it is meant."""
    roles = {"assistant": 0.0, "user": 1.0}

    def stop_users(row, messages):
        return [piece._replace(weight=1.0) if piece.part == "end" else piece for piece in row]

    return plan_chats(
        seed, roles=roles, change=stop_users, meant={"role_weights": roles, "prompt_weight": 0.0}
    )


def weigh_flat_with_tools(seed):
    roles = {"assistant": 1.0, "tool": 0.05}
    return plan_chats(
        seed,
        tools=True,
        roles=roles,
        parts={"after": 1.0},
        collate=partial(collators.flatten, rolled=True),
        read=PACKED,
        meant={"role_weights": roles},
    )


def weigh_answers_by_half(seed):
    """Said, and divided out again by the weights' sum."""
    roles = {"assistant": 0.5}
    return plan_chats(seed, roles=roles, meant={"role_weights": roles})


def darken_one_example(seed):
    """A whole example is not meant to be learned: alone, it is refused."""
    plan = plan_chats(seed)
    dark = {"messages": [m | {"train": False} for m in plan.examples[0]["messages"]]}
    return plan._replace(examples=[dark, *plan.examples[1:]])


CHANGES = {mark_messages, fill_dark}
RIGHT = [
    value
    for name, value in list(globals().items())
    if getattr(value, "__module__", "") == __name__ and value not in CHANGES
]
