"""Answers to the exercises as learners write them, one module a lesson.

WRONG is {exercise: {what the learner must be told, as a regular expression: function}},
RIGHT is {exercise: functions} in other styles than minilm's. Nothing here calls the exercises' own
lists of mistakes; minilm's functions are used only where an exercise is about putting them together.
"""

from exercises.answers import (
    attention,
    backward_by_hand,
    causal_softmax,
    diagnosis,
    exchange,
    forward,
    gradient_check,
    layer_norm,
    loss_mask,
    one_sequence,
    real_data,
    rms_norm,
    slips_of_a_class,
    slips_of_a_class_on_attention,
    slips_of_attention,
    slips_of_layers,
    slips_of_losses,
    slips_of_masks,
    slips_of_measuring,
    slips_of_models,
    training_step,
    whole_model,
)

LESSONS = (
    one_sequence,
    forward,
    backward_by_hand,
    layer_norm,
    rms_norm,
    causal_softmax,
    attention,
    gradient_check,
    whole_model,
    training_step,
    loss_mask,
    diagnosis,
    exchange,
    real_data,
)
SLIPS = (  # of what students, and careless engineers, write
    slips_of_masks,
    slips_of_losses,
    slips_of_layers,
    slips_of_attention,
    slips_of_measuring,
    slips_of_models,
    slips_of_a_class,
    slips_of_a_class_on_attention,
)
WRONG = {name: dict(table) for lesson in LESSONS for name, table in lesson.WRONG.items()}
for module in SLIPS:
    for name, table in module.WRONG.items():
        assert not WRONG[name].keys() & table.keys()
        WRONG[name] |= table
RIGHT = {name: functions for lesson in LESSONS for name, functions in lesson.RIGHT.items()}
