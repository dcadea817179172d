"""The checker: it calls a learner's function, compares, and says what is wrong."""
