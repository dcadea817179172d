"""What was meant: read, or refused by its name."""

import pytest

from minilm.diagnose import meant


def read(prompt_weight=0.0, **options):
    return meant.read_meant(prompt_weight, options, lambda text: [ord(letter) for letter in text])


def test_tokens_may_be_text_or_ids_and_one_stop_needs_no_list():
    known = read(answer_prefix="ab", stop_ids=5, think=("<", [62]), think_weight=0.5)
    assert known.answer_prefix == [97, 98] and known.stop_ids == [5]
    assert known.think == ([60], [62]) and known.think_weight == 0.5


def test_roles_that_are_not_named_have_1_or_the_prompt_weight():
    known = read(0.1, role_weights={"tool": 0.2})
    assert [known.weigh_role(role) for role in ("assistant", "user", "tool")] == [1.0, 0.1, 0.2]


WRONG = {
    "an unknown keyword": ({"weight": 1}, "'weight' cannot be said: known are prompt_weight, role_weights"),
    "a list of roles": ({"role_weights": [1]}, "role_weights is .1.: give a dict, as in"),
    "a negative weight": ({"role_weights": {"tool": -1}}, "role_weights.'tool'. is -1: give a number that"),
    "a weight as text": ({"template_weight": "x"}, "template_weight is 'x': give a number"),
    "a think weight alone": ({"think_weight": 0.5}, "think_weight is given without think"),
    "half a pair": ({"think": ("a",)}, "think must be a pair"),
    "a denominator's name": ({"denominator": "mean"}, "denominator is 'mean': give 'weights', 'sum' or a"),
    "true as a denominator": ({"denominator": True}, "denominator is True"),
    "a pad's text": ({"pad_id": "x"}, "pad_id is 'x': give one id"),
    "no ignore index": ({"ignore_index": None}, "ignore_index is None: give one id"),
    "no function": ({"decode": 3}, "decode is 3: give a function from a list of ids"),
    "no tokens": ({"generation_prompt": 3.5}, "generation_prompt is 3.5, neither ids nor text"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_nobody_can_mean_is_refused(what):
    options, sentence = WRONG[what]
    with pytest.raises(meant.DiagnoseError, match=sentence):
        read(**options)


def test_a_role_must_stand_in_a_message_or_be_known():
    known = read(role_weights={"observation": 0.1, "tool": 0.1})
    meant.check_roles(known, {"user", "assistant", "observation"})
    with pytest.raises(meant.DiagnoseError, match="role_weights names 'observation', which no message has"):
        meant.check_roles(known, {"user", "assistant"})
