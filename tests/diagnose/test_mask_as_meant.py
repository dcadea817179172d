"""Is the mask as meant? Masks that are broken by hand, in code that faults.py does not know."""

from types import SimpleNamespace

import diagnose_setups as setups
import numpy as np
import pytest

from minilm import diagnose
from minilm.diagnose import mask_as_meant


def changed(change):
    return setups.with_mask(change)


def lose_second_row(weights, targets):
    return weights * (np.arange(len(weights)) != 1)[:, None]


def light_second_token(weights, targets):
    return np.where(np.arange(weights.shape[1]) == 1, 1.0, weights)


def weigh_last_only(message, k, n):
    return float(k == n - 1)


def weigh_tools_too(message, k, n):
    return float(message["role"] != "user")


BROKEN = {  # what stands wrong -> (set-up, the name)
    "rolled right": (changed(lambda w, t: np.roll(w, 1, axis=1)), "mask_one_late"),
    "rolled left": (changed(lambda w, t: np.roll(w, -1, axis=1)), "mask_one_early"),
    "ones": (changed(lambda w, t: 1.0 * (t != setups.PAD)), "mask_not_applied"),
    "1 - mask": (changed(lambda w, t: (1 - w) * (t != setups.PAD)), "mask_inverted"),
    "pads lit": (changed(lambda w, t: np.where(t == setups.PAD, 1.0, w)), "pads_in_the_loss"),
    "eos ignored": (changed(lambda w, t: np.where(t == setups.EOS, 0.0, w)), "eos_masked"),
    "a row lost": (changed(lose_second_row), "marker_not_found"),
    "half a prompt": (changed(light_second_token), "mask_differs"),
    "last turn only": (setups.in_chats(weigh=weigh_last_only), "last_turn_only"),
    "tools trained": (setups.in_chats(weigh=weigh_tools_too, tool=True), "tool_output_trained"),
    "turns do not end": (setups.in_chats(stop=0), "eos_masked"),
    "boundary lit": (setups.in_packs(boundary=1), "boundary_in_the_loss"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_mask_is_named(kind):
    set_up, name = BROKEN[kind]
    setups.assert_named(set_up, setups.use_loss, name)


# ---------------------------------------------------------------- behind pads and templates

EXAMPLES = [([8, 9, 10, 11], [12, 13, 14]), ([14, 15, 9], [16]), ([8, 16, 11, 10, 9], [17, 18, 19, 20])]


def make_without_stop(examples):
    """Rows that are padded to a multiple of 8."""
    rows = [setups.plain_row(*example, eos=False) for example in examples]
    return setups.batched(rows, length=-(-max(map(len, rows)) // 8) * 8)


def make_with_lit_pads(examples):
    rows = [setups.templated_row(*example) for example in examples]
    return setups.batched([row + [(setups.PAD, 1)] * (40 - len(row)) for row in rows])


def make_with_two_bos(examples):
    return setups.batched([[(setups.BOS, 0), *setups.templated_row(*example)] for example in examples])


BEHIND_PADS = {
    "eos_cut": make_without_stop,
    "pads_in_the_loss": make_with_lit_pads,
    "double_bos": make_with_two_bos,
}


@pytest.mark.parametrize("name", BEHIND_PADS)
def test_faults_behind_pads_and_templates_are_found(name):
    assert diagnose.pipeline(BEHIND_PADS[name], setups.mean_model().loss, EXAMPLES).fault == name


def begin(*before):
    """An example behind these tokens, the nearest last."""
    return SimpleNamespace(before=list(before)[::-1])


def test_one_row_that_begins_with_a_token_twice_is_no_double_bos():
    def check(*alone):
        return mask_as_meant.check_double_bos(SimpleNamespace(alone=alone))

    assert check(begin(0, 0), begin(0)) is None
    assert check(begin(0, 0), begin(0, 0)).fault == "double_bos"
    assert check(begin(5, 5, 5, 8), begin(5, 5, 5, 8)) is None  # places of an image
