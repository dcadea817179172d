"""Answers to the exercises as learners write them, one module a lesson.

WRONG is {exercise: {what the learner must be told, as a regular expression: function}},
RIGHT is {exercise: functions} in other styles than minilm's. Nothing here calls the exercises' own
lists of mistakes; minilm's functions are used only where an exercise is about putting them together.
"""

from exercises.answers import (
    attention_backward,
    backward_by_hand,
    block_backward,
    diagnosis,
    forward,
    gradient_check,
    layer_norm,
    loss_mask,
    masked_vs_full,
    one_sequence,
    real_data,
)

LESSONS = (
    one_sequence,
    forward,
    backward_by_hand,
    layer_norm,
    attention_backward,
    block_backward,
    gradient_check,
    layer_norm,
    loss_mask,
    masked_vs_full,
    diagnosis,
    real_data,
)
WRONG = {name: table for lesson in LESSONS for name, table in lesson.WRONG.items()}
RIGHT = {name: functions for lesson in LESSONS for name, functions in lesson.RIGHT.items()}
