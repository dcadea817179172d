"""What the figures train on: variants of the zoo, made once in each process.

Each is a tasks.Task; grid.set_steps makes its settings evaluate at the start and at the end only.
"""

import functools
import re

import numpy as np

from .. import corpora, data, model, train
from .. import tokenizer as tokenizers
from . import tasks

STORY_STATES = 48
BRANCHES = 4  # equally likely successors of a story's word: ln 4 nats per token
QUESTION_TOKENS = 8  # of a prompt without story: User:, six of the question, Assistant:
ANSWER_TOKENS = 2  # the answer and <eos>
LONG = "you can see that "


@functools.cache
def make_zoo_task():
    """The main experiment's task, from a base model."""
    return tasks.make_zoo_task()


@functools.cache
def make_scratch_task():
    """The zoo's questions from random weights."""
    return tasks.make_scratch_task()


@functools.cache
def load_zoo():
    """The main experiment's corpus as text, for what has to encode it itself."""
    return corpora.zoo()


@functools.cache
def make_story_task(ratio, n_train=4000, n_held_out=512, seed=0):
    """The zoo's questions behind a Markov story instead of an introduction, |x| : |y| = ratio.

    The story's words follow one another in a fixed chain of 48 states. Held-out rows have new
    stories; at ratio 4 there is no story left, and they are the same 96 questions.
    """
    rng = np.random.default_rng(seed)
    facts = corpora.draw_facts(rng)
    chain = [rng.choice(STORY_STATES, BRANCHES, replace=False) for _ in range(STORY_STATES)]
    n_words = ratio * ANSWER_TOKENS - QUESTION_TOKENS
    parts = {True: [], False: []}
    while len(parts[True]) < n_held_out or len(parts[False]) < n_train:
        (question, animal), value = list(facts.items())[rng.integers(len(facts))]
        words = ["User:", *walk_chain(rng, chain, n_words), question.format(animal), "Assistant:"]
        prompt = " ".join(words)
        draw = data.prompt_hash(prompt) if n_words else rng.random()
        held_out = draw < 1 / 8
        parts[held_out].append(data.Example(prompt, str(value)))
    tokenizer = tokenizers.build(
        "word", [*corpora.all_texts(), " ".join(map(name_state, range(STORY_STATES)))]
    )
    return make_task("story", tokenizer, parts[False][:n_train], parts[True][:n_held_out])


def walk_chain(rng, chain, n_words):
    """`n_words` words of a story, from a random state on."""
    state, words = rng.integers(STORY_STATES), []
    for _ in range(n_words):
        words.append(name_state(state))
        state = rng.choice(chain[state])
    return words


def name_state(state):
    """The word that a story shows for a state."""
    return f"w{state}"


@functools.cache
def make_long_answer_task():
    """The main task with whole sentences as answers: "you can see that the fox eats bread ."."""
    zoo, task = load_zoo(), make_zoo_task()
    tokenizer = tokenizers.build("word", [*corpora.all_texts(), LONG.strip()])
    long = make_task("long answers", tokenizer, *([lengthen(e) for e in part] for part in zoo[:2]))
    base = [tasks.encode_text(text, tokenizer) for text in zoo.texts]
    return long._replace(settings=task.settings, base=base, base_steps=task.base_steps)


def lengthen(example):
    """An example whose answer says the same fact in a sentence."""
    question, animal = corpora.parse_question(example.prompt)
    return data.Example(example.prompt, LONG + corpora.SENTENCES[question].format(animal, example.response))


@functools.cache
def make_few_shot_task(n_train):
    """Prompts that hold three solved questions before the one to answer; `n_train` rows."""
    rows, held_out, tokenizer = corpora.few_shot(n_train=n_train)
    return make_task("few shot", tokenizer, rows, held_out)


def make_task(name, tokenizer, examples, held_out):
    """The main experiment's model on other rows, from random weights."""
    rows, held_out = data.encode_all(examples, tokenizer), data.encode_all(held_out, tokenizer)
    longest = max(len(row.tokens) for row in rows + held_out)
    config = model.Config(len(tokenizer.vocab), n_positions=longest, n_layer=1, n_head=4, n_embd=32)
    return tasks.Task(
        name, config, train.Settings(lr=tasks.SCRATCH_RATE), tokenizer, rows, held_out, [], None
    )


@functools.cache
def compile_prompt_pattern():
    """A regular expression that matches just the prompts of the zoo."""
    names, cities, hobbies, animals = (
        "|".join(words) for words in (corpora.NAMES, corpora.CITIES, corpora.HOBBIES, corpora.ANIMALS)
    )
    questions = "|".join(re.escape(q).replace(r"\{\}", f"({animals})") for q in corpora.QUESTIONS)
    introduction = (
        f"({'|'.join(corpora.GREETINGS)}) , i am ({names})( from ({cities}))?( and i like ({hobbies}))?"
    )
    return re.compile(f"User: {introduction} \\. ({questions}) Assistant:")
