"""The figures' corpora with few rows, for tests of what is done with a study rather than of its numbers."""

import contextlib
import functools

import pytest

from minilm import corpora
from minilm.figures import fingerprints, worlds

SIZES = {
    "make_zoo_task": {},
    "make_scratch_task": {},
    "load_zoo": {},
    "make_long_answer_task": {},
    "make_few_shot_task": {},
    "make_story_task": {"n_train": 64, "n_held_out": 16},
}
SMALL = {
    name: functools.cache(functools.partial(getattr(worlds, name).__wrapped__, **sizes))
    for name, sizes in SIZES.items()
}
make_zoo_task = SMALL["make_zoo_task"]
SMALL["make_zoo_task"] = functools.cache(lambda: make_zoo_task()._replace(base_steps=3))


@contextlib.contextmanager
def small_worlds():
    """Meanwhile studies of this process train and judge on few rows; what worlds has cached stays."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(corpora, "zoo", functools.partial(corpora.zoo, n_train=200, n_held_out=24, n_texts=200))
        patch.setattr(corpora, "few_shot", functools.partial(corpora.few_shot, n_held_out=16))
        patch.setattr(fingerprints, "N_ANSWERS", 8)
        patch.setattr(fingerprints, "N_PROMPTS", 4)
        for name, make in SMALL.items():
            patch.setattr(worlds, name, make)
        yield
