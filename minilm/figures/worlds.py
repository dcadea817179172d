"""What the studies train on: variants of the zoo, made once in each process.

Each is an experiments.Task, whose settings evaluate at the start and at the end only.
"""

import functools
import re

import numpy as np

from .. import corpora, data, model, tokenizer, train
from . import tasks as experiments

STORY_STATES = 48
BRANCHES = 4  # equally likely successors of a story's word: ln 4 nats per token
QUESTION_TOKENS = 8  # of a prompt without story: User:, six of the question, Assistant:
ANSWER_TOKENS = 2  # the answer and <eos>
SENTENCES = dict(  # the same facts as long answers, and as plain text
    zip(
        corpora.QUESTIONS,
        (
            "the colour of the {} is {} .",
            "the size of the {} is {} .",
            "the {} eats {} .",
            "the {} lives in the {} .",
        ),
        strict=True,
    )
)
LONG = "you can see that "
TUNED_NAMES = corpora.NAMES[:4]  # who speaks in the fine-tuning rows of figure 5


@functools.cache
def zoo():
    """The main experiment's world."""
    return experiments.zoo_task()


@functools.cache
def zoo_texts():
    """Its examples as text, for what has to encode them itself."""
    return corpora.zoo()


@functools.cache
def story(ratio, n_train=4000, n_held_out=512, seed=0):
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
        words = ["User:", *walk(rng, chain, n_words), question.format(animal), "Assistant:"]
        prompt = " ".join(words)
        held_out = rng.random() < 1 / 8 if n_words == 0 else data.prompt_hash(prompt) < 1 / 8
        parts[held_out].append(data.Example(prompt, str(value)))
    words = tokenizer.build("word", [*corpora.all_texts(), " ".join(map(story_word, range(STORY_STATES)))])
    return task("story", words, parts[False][:n_train], parts[True][:n_held_out])


def walk(rng, chain, n_words):
    """`n_words` words of a story, from a random state on."""
    state, words = rng.integers(STORY_STATES), []
    for _ in range(n_words):
        words.append(story_word(state))
        state = rng.choice(chain[state])
    return words


def story_word(state):
    """The word that a story shows for a state."""
    return f"w{state}"


@functools.cache
def long_answers():
    """The zoo's rows with whole sentences as answers: "you can see that the fox eats bread ."."""
    rows = zoo_texts()
    words = tokenizer.build("word", [*corpora.all_texts(), *SENTENCES.values(), LONG.strip()])
    return task("long answers", words, *([lengthened(e) for e in part] for part in rows[:2]))


def lengthened(example):
    """An example whose answer says the same fact in a sentence."""
    question, animal = asked(example.prompt)
    return data.Example(example.prompt, LONG + SENTENCES[question].format(animal, example.response))


def asked(prompt):
    """(question, animal) that a zoo prompt ends with."""
    text = " ".join(prompt.split(" ")[-QUESTION_TOKENS + 1 : -1])
    return next((q, a) for q in corpora.QUESTIONS for a in corpora.ANIMALS if q.format(a) == text)


@functools.cache
def few_shot(n_train):
    """Prompts that hold three solved questions before the one to answer; `n_train` rows."""
    rows, held_out, words = corpora.few_shot(n_train=n_train)
    return task("few shot", words, rows, held_out)


@functools.cache
def fine_tuning(n_drawn=16000):
    """(base, tuned): plain text to pre-train on, and the zoo's rows with four of its names.

    The base text is half what visitors say, with all names but without roles and answers, and half
    facts as sentences. Every token of its rows counts as response. Both share one vocabulary.
    """
    rows = corpora.zoo(n_train=n_drawn, n_held_out=n_drawn // 8)
    words = tokenizer.build("word", [*corpora.all_texts(), *SENTENCES.values()])
    mine = [[e for e in part if speaker(e.prompt) in TUNED_NAMES] for part in rows[:2]]
    tuned = task("fine-tuning", words, *mine)
    base = [[plain(text, words) for text in base_texts(rows[k], seed=k)] for k in range(2)]
    return tuned._replace(name="base", rows=base[0][:4000], held_out=base[1][:512]), tuned


def speaker(prompt):
    """Who introduces himself in a zoo prompt."""
    return re.search(r"i am (\w+)", prompt)[1]


def base_texts(examples, seed):
    """A visitor's words, or the fact asked for as a sentence, from each zoo example."""
    rng = np.random.default_rng(seed)
    for example in examples:
        post = example.prompt.removeprefix("User: ").removesuffix(" Assistant:")
        question, animal = asked(example.prompt)
        fact = SENTENCES[question].format(animal, example.response)
        yield post if rng.random() < 0.5 else fact


def plain(text, words):
    """A row of text without a prompt: <bos>, tokens, <eos>, each a target that counts."""
    ids = words.encode(text)
    tokens = np.concatenate([[tokenizer.BOS_ID], ids, [tokenizer.EOS_ID]])
    return data.Row(tokens, np.array([data.BOS, *[data.RESPONSE] * len(ids), data.EOS]))


def task(name, words, examples, held_out):
    """The main experiment's model and settings on other rows."""
    rows, held_out = data.encode_all(examples, words), data.encode_all(held_out, words)
    longest = max(len(row.tokens) for row in rows + held_out)
    config = model.Config(len(words.vocab), n_positions=longest, n_layer=1, n_head=4, n_embd=32)
    return experiments.Task(name, config, train.Settings(), words, rows, held_out, [], None)


@functools.cache
def prompt_pattern():
    """A regular expression that matches just the prompts of the zoo."""
    names, cities, hobbies, animals = (
        "|".join(words) for words in (corpora.NAMES, corpora.CITIES, corpora.HOBBIES, corpora.ANIMALS)
    )
    questions = "|".join(re.escape(q).replace(r"\{\}", f"({animals})") for q in corpora.QUESTIONS)
    introduction = (
        f"({'|'.join(corpora.GREETINGS)}) , i am ({names})( from ({cities}))?( and i like ({hobbies}))?"
    )
    return re.compile(f"User: {introduction} \\. ({questions}) Assistant:")
