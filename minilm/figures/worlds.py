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
TUNED_NAMES = corpora.NAMES[:4]  # who speaks in the fine-tuning rows of forgetting.py


@functools.cache
def make_zoo_task():
    """The main experiment's task."""
    return tasks.make_zoo_task()


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
    """The zoo's rows with whole sentences as answers: "you can see that the fox eats bread ."."""
    rows = load_zoo()
    tokenizer = tokenizers.build("word", [*corpora.all_texts(), *SENTENCES.values(), LONG.strip()])
    return make_task("long answers", tokenizer, *([lengthen(e) for e in part] for part in rows[:2]))


def lengthen(example):
    """An example whose answer says the same fact in a sentence."""
    question, animal = parse_question(example.prompt)
    return data.Example(example.prompt, LONG + SENTENCES[question].format(animal, example.response))


def parse_question(prompt):
    """(question, animal) that a zoo prompt ends with."""
    text = " ".join(prompt.split(" ")[-QUESTION_TOKENS + 1 : -1])
    return next((q, a) for q in corpora.QUESTIONS for a in corpora.ANIMALS if q.format(a) == text)


@functools.cache
def make_few_shot_task(n_train):
    """Prompts that hold three solved questions before the one to answer; `n_train` rows."""
    rows, held_out, tokenizer = corpora.few_shot(n_train=n_train)
    return make_task("few shot", tokenizer, rows, held_out)


@functools.cache
def make_fine_tuning_tasks(n_drawn=16000):
    """(base, tuned): plain text to pre-train on, and the zoo's rows with four of its names.

    The base text is half what visitors say, with all names but without roles and answers, and half
    facts as sentences. Every token of its rows counts as response. Both share one vocabulary.
    """
    rows = corpora.zoo(n_train=n_drawn, n_held_out=n_drawn // 8)
    tokenizer = tokenizers.build("word", [*corpora.all_texts(), *SENTENCES.values()])
    mine = [[e for e in part if find_speaker(e.prompt) in TUNED_NAMES] for part in rows[:2]]
    tuned = make_task("fine-tuning", tokenizer, *mine)
    base = [[encode_text(text, tokenizer) for text in make_base_texts(rows[k], seed=k)] for k in range(2)]
    return tuned._replace(name="base", rows=base[0][:4000], held_out=base[1][:512]), tuned


def find_speaker(prompt):
    """The name in a zoo prompt's introduction."""
    return re.search(r"i am (\w+)", prompt)[1]


def make_base_texts(examples, seed):
    """Yield a visitor's words, or the fact asked for as a sentence, from each zoo example."""
    rng = np.random.default_rng(seed)
    for example in examples:
        post = example.prompt.removeprefix("User: ").removesuffix(" Assistant:")
        question, animal = parse_question(example.prompt)
        fact = SENTENCES[question].format(animal, example.response)
        yield post if rng.random() < 0.5 else fact


def encode_text(text, tokenizer):
    """A row of text without a prompt: <bos>, tokens, <eos>, each a target that counts."""
    ids = tokenizer.encode(text)
    tokens = np.concatenate([[tokenizers.BOS_ID], ids, [tokenizers.EOS_ID]])
    return data.Row(tokens, np.array([data.BOS, *[data.RESPONSE] * len(ids), data.EOS]))


def make_task(name, tokenizer, examples, held_out):
    """The main experiment's model and settings on other rows."""
    rows, held_out = data.encode_all(examples, tokenizer), data.encode_all(held_out, tokenizer)
    longest = max(len(row.tokens) for row in rows + held_out)
    config = model.Config(len(tokenizer.vocab), n_positions=longest, n_layer=1, n_head=4, n_embd=32)
    return tasks.Task(name, config, train.Settings(), tokenizer, rows, held_out, [], None)


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
