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
WRONG = {name: table for lesson in LESSONS for name, table in lesson.WRONG.items()}
RIGHT = {name: functions for lesson in LESSONS for name, functions in lesson.RIGHT.items()}
