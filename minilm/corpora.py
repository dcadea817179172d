"""A synthetic world: small enough to learn in seconds, with an entropy that can be computed.

The zoo: a visitor introduces themselves at length and asks for one of 96 facts.

    User: hello , i am Anna from Paris and i like chess . what colour is the fox ? Assistant: red
"""

import math
from typing import NamedTuple

import numpy as np

from . import data
from . import tokenizer as tokenizers

GREETINGS = "hello hi hey greetings".split()
NAMES = "Anna Ben Clara David Emma Felix Greta Hugo Ida Jonas Karl Leo Mia Nora Otto Paula".split()
CITIES = "Paris Rome Berlin Madrid Vienna Oslo Lisbon Prague".split()
HOBBIES = "chess music tennis painting cooking reading dancing hiking".split()
ANIMALS = (
    "fox bear wolf lion tiger zebra panda otter eagle owl crow swan "
    "snake frog toad newt shark whale seal crab ant bee wasp moth"
).split()
QUESTIONS = {  # each with the eight values that its answer can take
    "what colour is the {} ?": "red blue green yellow black white brown grey".split(),
    "how big is the {} ?": "tiny small short medium long tall large huge".split(),
    "what does the {} eat ?": "grass fruit seeds leaves fish honey bread cheese".split(),
    "where does the {} live ?": "forest desert river ocean cave meadow mountain island".split(),
}
SENTENCES = dict(  # the same facts as plain text
    zip(
        QUESTIONS,
        (
            "the colour of the {} is {} .",
            "the size of the {} is {} .",
            "the {} eats {} .",
            "the {} lives in the {} .",
        ),
        strict=True,
    )
)
HELD_OUT_SHARE = 1 / 8


class Zoo(NamedTuple):
    """Examples to fine-tune on, held-out ones (new wordings of the same facts), and their word tokenizer.

    texts: plain text to pre-train on, as write_text makes it of other examples. prompt_entropy: the
    entropy floor, -log P(x) of the held-out prompts under the distribution that made them, in nats per
    prompt token. No model's prompt loss can stay below it, except by chance.
    """

    train: list
    held_out: list
    texts: list
    tokenizer: tokenizers.Tokenizer
    prompt_entropy: float


def zoo(seed=0, n_train=4000, n_held_out=512, n_texts=4000):
    """Generate the zoo and return it; the same seed gives the same facts and examples."""
    data.check_whole(1, n_train=n_train, n_held_out=n_held_out, n_texts=n_texts)
    rng = np.random.default_rng(seed)
    facts = draw_facts(rng)
    train, held_out, log_probs = [], [], []
    while len(train) < n_train + n_texts or len(held_out) < n_held_out:
        example, log_prob = draw_example(rng, facts)
        if data.prompt_hash(example.prompt) >= HELD_OUT_SHARE:
            train.append(example)
        elif len(held_out) < n_held_out:
            held_out.append(example)
            log_probs.append(log_prob)
    n_tokens = sum(len(example.prompt.split(" ")) for example in held_out)
    tokenizer = tokenizers.build("word", all_texts())
    texts = [write_text(example, rng) for example in train[n_train : n_train + n_texts]]
    return Zoo(train[:n_train], held_out, texts, tokenizer, -sum(log_probs) / n_tokens)


def draw_facts(rng):
    """Draw the 96 facts: {(question, animal): answer}."""
    return {(q, a): rng.choice(values) for q, values in QUESTIONS.items() for a in ANIMALS}


def draw_example(rng, facts):
    """Draw one example. Returns it with the exact log P of its prompt, in nats.

    Every choice is uniform and independent, so that log P = -sum of log(number of options).
    """
    log_prob = 0.0

    def pick(options):
        nonlocal log_prob
        log_prob -= math.log(len(options))
        return options[rng.integers(len(options))]

    greeting, name = pick(GREETINGS), pick(NAMES)
    city = f" from {pick(CITIES)}" if pick((True, False)) else ""
    hobby = f" and i like {pick(HOBBIES)}" if pick((True, False)) else ""
    question, animal = pick(list(QUESTIONS)), pick(ANIMALS)
    introduction = f"{greeting} , i am {name}{city}{hobby} ."
    prompt = f"User: {introduction} {question.format(animal)} Assistant:"
    return data.Example(prompt, str(facts[question, animal])), log_prob


def write_text(example, rng):
    """An example as plain text without roles: what the visitor says, or, as often, the fact as a sentence."""
    if rng.random() < 0.5:
        return example.prompt.removeprefix("User: ").removesuffix(" Assistant:")
    question, animal = parse_question(example.prompt)
    return SENTENCES[question].format(animal, example.response)


def parse_question(prompt):
    """(question, animal) that a prompt of the zoo ends with."""
    return next((q, a) for q in QUESTIONS for a in ANIMALS if prompt.endswith(f" {q.format(a)} Assistant:"))


def few_shot(seed=0, n_train=64, n_held_out=256, n_shots=3):
    """Examples whose prompts hold `n_shots` solved questions of the zoo before the one to answer.

    The prompts thus contain answers, from which full-sequence loss learns and a masked one does not.
    Returns (train, held_out, tokenizer); the facts are those of zoo(seed).
    """
    data.check_whole(0, n_train=n_train, n_held_out=n_held_out, n_shots=n_shots)
    rng = np.random.default_rng(seed)
    facts = draw_facts(rng)
    questions = list(facts)
    train, held_out = [], []
    while len(train) < n_train or len(held_out) < n_held_out:
        asked = [questions[i] for i in rng.choice(len(questions), n_shots + 1, replace=False)]
        solved = [f"User: {q.format(a)} Assistant: {facts[q, a]}" for q, a in asked]
        prompt, _, response = " ".join(solved).rpartition(" ")
        part = train if data.prompt_hash(prompt) >= HELD_OUT_SHARE else held_out
        part.append(data.Example(prompt, response))
    return train[:n_train], held_out[:n_held_out], tokenizers.build("word", all_texts())


def expected_entropy():
    """Entropy of the prompt distribution in nats per token, H / E[length], worked out by hand.

    H = ln 4 + ln 16 + 2 (ln 2 + ln 8 / 2) + ln 4 + ln 24. A prompt has 14 tokens, 2 more with a
    city and 4 more with a hobby. Each is there half of the time, which makes 17 on average.
    """
    entropy = sum(map(math.log, (4, 16, 4, 24))) + 2 * (math.log(2) + math.log(8) / 2)
    return entropy / 17


def all_texts():
    """A list of texts that hold every word of the zoo, to build a tokenizer from."""
    fixed = "User: , i am from and i like . Assistant:"
    lists = [GREETINGS, NAMES, CITIES, HOBBIES, ANIMALS, *QUESTIONS.values(), SENTENCES.values()]
    lists.append(question.format("fox") for question in QUESTIONS)
    return [fixed, *(" ".join(choices) for choices in lists)]
