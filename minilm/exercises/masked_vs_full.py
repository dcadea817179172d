"""The questions on masked and full-sequence loss."""

EXERCISES = {}

QUESTIONS = {}
