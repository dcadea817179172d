"""Faults that show in turns, tools, headers, and in answers' first tokens, each a function Plan -> Plan."""

from . import templates as t
from .draws import change_answers
from .faults_of_rows import change_rows, weigh


def find_last_answer(messages):
    return max(k for k, message in enumerate(messages) if message["role"] == "assistant")


def light_last_answer(plan):
    def fault(row, messages):
        last = find_last_answer(messages)
        return weigh(row, lambda p: p.weight * (p.message == last))

    return change_rows(plan, fault)


def darken_earlier_stops(plan):
    def fault(row, messages):
        last = find_last_answer(messages)
        return weigh(row, lambda p: p.weight * (p.part != "stop" or p.message == last))

    return change_rows(plan, fault)


def darken_call_stops(plan):
    def fault(row, messages):
        calls = {k - 1 for k, message in enumerate(messages) if message["role"] == "tool"}
        return weigh(row, lambda p: p.weight * (p.part != "stop" or p.message not in calls))

    return change_rows(plan, fault)


def stop_in_next_message(plan):
    """Stops are taken for the next message's; after the last answer none is written."""

    def fault(row, messages):
        last = find_last_answer(messages)
        row = [p for p in row if p.message < last or p.part not in ("stop", "after")]
        return weigh(row, lambda p: p.weight * (p.part != "stop"))

    return change_rows(plan, fault)


def light_tools(plan):
    return change_rows(
        plan,
        lambda row, messages: weigh(
            row, lambda p: 1 if (p.role, p.part) == ("tool", "content") else p.weight
        ),
    )


def run_on_to_header(plan):
    """Spans end behind the next header."""

    def fault(row, messages):
        answers = {k for k, message in enumerate(messages) if message["role"] == "assistant"}
        return weigh(
            row,
            lambda p: (
                1
                if (p.message in answers and p.part == "after")
                or (p.message - 1 in answers and p.part == "header")
                else p.weight
            ),
        )

    return change_rows(plan, fault)


def run_on_to_tools(plan):
    """Spans that a tool's output follows end behind it."""

    def fault(row, messages):
        tools = {k for k, message in enumerate(messages) if message["role"] == "tool"}
        return weigh(
            row,
            lambda p: 1 if p.message in tools or (p.message + 1 in tools and p.part == "after") else p.weight,
        )

    return change_rows(plan, fault)


def light_headers(plan):
    """The generation prompt that is said carries loss."""
    header = [*plan.template.headers["assistant"], *plan.think]
    lit = plan._replace(parts=plan.parts | {"header": 1.0} | ({"think": 1.0} if plan.think else {}))
    return lit._replace(meant=plan.meant | {"generation_prompt": header})


def darken_answer_starts(plan):
    """Answers begin with <think> and a newline, dark as if the generation prompt held them."""
    start = [t.THINK, t.NL]
    examples = change_answers(
        plan.examples, lambda message, k: message | {"content": [*start, *message["content"]]}
    )

    def fault(row, messages):
        return weigh(row, lambda p: p.weight * (p.part != "content" or p.token not in start))

    return change_rows(plan._replace(examples=examples), fault)


def weigh_first_token_twice(plan):
    def fault(row, messages):
        starts = [
            p.role == "assistant" and p.part == "content" and row[k - 1].part != "content"
            for k, p in enumerate(row)
        ]
        return [
            p._replace(weight=2.0 * p.weight) if start else p for p, start in zip(row, starts, strict=True)
        ]

    return change_rows(plan, fault)


def light_prompts_faintly(plan):
    return change_rows(
        plan,
        lambda row, messages: weigh(
            row, lambda p: 0.1 if (p.role, p.part) == ("user", "content") else p.weight
        ),
    )


def forget_message_weights(plan):
    """Flags and weights of messages are not looked at."""

    def fault(row, messages):
        return weigh(row, lambda p: p.role == "assistant" and p.part in ("content", "stop"))

    return change_rows(plan, fault)
