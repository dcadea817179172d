"""What does a target read? Steps that read too little, too much, or nothing yet."""

import diagnose_setups as setups
import numpy as np
import pytest


def shift_again(model):
    return lambda ids, targets, weights: model.loss(ids, targets, weights, late=1)


def forget_prompt(model):
    """An attention mask made of the loss mask: the past without loss is not read."""

    def step(ids, targets, weights):
        has_loss = np.concatenate([np.zeros((len(ids), 1)), weights[:, :-1]], axis=1) > 0
        return model.loss(np.where(has_loss | (weights > 0), ids, setups.PAD), targets, weights)

    return step


MISREAD = {
    "shifted_twice": (setups.in_rows(), shift_again),
    "attention_mask_confused": (setups.in_rows(), forget_prompt),
    "packing_contamination": (setups.in_packs(isolated=False), setups.use_loss),
}


@pytest.mark.parametrize("name", MISREAD)
def test_what_is_read_wrongly_is_named(name):
    setups.assert_named(*MISREAD[name], name)


def make_flat(model):
    """Logits that are all equal, whatever the input."""
    model.U = model.U * 0
    return model.loss


def forget_past(model):
    """Reads the token at its place alone."""
    return lambda ids, targets, weights: model.loss(ids, targets, weights, starts=np.ones_like(ids))


def test_a_model_that_does_not_read_yet_is_no_fault_and_is_said():
    for report in setups.diagnose_both(setups.in_rows(), make_flat):
        assert report.findings == [] and "Is the model not trained yet?" in str(report)
    for report in setups.diagnose_both(setups.in_rows(), forget_past):
        assert report.findings == [] and "reads no past yet, neither prompts nor answers" in str(report)
