"""The examples of a trainer's data set: looked up in its prepared rows, or read from the rows' own labels."""

from typing import NamedTuple

import numpy as np

from ..report import DiagnoseError
from .rows import Document, cut_row, read_rows, split_all, split_row

MOST_ROWS = 1000  # that are searched for the examples
FIRST_ROWS = 64  # that examples are chosen from, where none are given
FEW = 3  # documents that a diagnosis needs, about
TAKEN_FROM_ROWS = (
    "what is meant was read from the prepared rows' own labels: their mask itself is not tested. Give the "
    "examples that they were made from, as examples="
)


class Found(NamedTuple):
    """Prepared rows, the Documents in them, the examples that these hold, and notes for the report."""

    rows: list
    documents: list
    examples: list
    notes: list


def find_examples(dataset, examples, encode):
    """What Found says of a data set: the examples that were given, or some that its rows themselves give.

    Rows without input_ids are texts that the collator reads: they are the examples.
    """
    rows = read_rows(dataset, FIRST_ROWS if examples is None else MOST_ROWS)
    if "input_ids" not in rows[0]:
        rows = rows[:FEW] if examples is None else list(examples)
        return Found(rows, [Document(k, 0, 0) for k in range(len(rows))], [*map(read_example, rows)], [])
    if examples is None:
        return Found(rows, *choose_documents(rows), [TAKEN_FROM_ROWS])
    given = [read_example(example) for example in examples]
    places = find_documents(rows, given, encode)
    missing = [str(number) for number in range(len(given)) if number not in places]
    notes = [f"examples {', '.join(missing)}: they stand in no prepared row"] if missing else []
    return Found(rows, list(places.values()), [given[number] for number in places], notes)


def find_lit(row):
    """Which tokens a prepared row's own columns give loss, a boolean array (n,); all of them without any."""
    ids = np.array(row["input_ids"])
    lit = np.ones(len(ids), bool)
    for name in ("completion_mask", "assistant_masks", "loss_mask"):
        if row.get(name) is not None:
            lit &= np.array(row[name]) > 0
    if row.get("labels") is not None:
        labels = np.array(row["labels"])
        ahead = (labels >= 0)[:-1] & (labels[:-1] == ids[1:])
        if (labels != ids)[labels >= 0].any() and ahead.sum() >= (labels >= 0).sum() - 1:
            labels = np.concatenate([[-100], labels[:-1]])  # shifted already
        lit &= labels >= 0
    return lit


def find_runs(lit):
    """(start, end) of each run of lit tokens that can be predicted."""
    edges = np.diff(np.concatenate([[0], lit.astype(int) * (np.arange(len(lit)) > 0), [0]]))
    return list(zip(np.flatnonzero(edges > 0).tolist(), np.flatnonzero(edges < 0).tolist(), strict=True))


def read_document(rows, doc):
    """A Document as an example: its dark runs are prompts, its lit ones answers, each with its stop token.

    Returns {"messages": ...} with ids as contents, or None where it has no such answer.
    """
    row = cut_row(rows[doc.row], [doc])
    ids, runs, messages, at = row["input_ids"], find_runs(find_lit(row)), [], 0
    if not runs or any(end - start < 2 for start, end in runs):
        return None
    for start, end in runs:
        messages.append({"role": "user", "content": ids[at:start]})
        messages.append({"role": "assistant", "content": ids[start : end - 1]})
        at = end - 1 if end == len(ids) else end
    return {"messages": messages}


def choose_documents(rows):
    """(Documents, their examples as their own columns say) of the shortest rows that have answers.

    Raises DiagnoseError where fewer than two can be read.
    """
    order = sorted(range(min(len(rows), FIRST_ROWS)), key=lambda number: len(rows[number]["input_ids"]))
    documents, examples = [], []
    for number in order:
        for doc in split_row(number, rows[number]):
            example = read_document(rows, doc)
            if example is not None and example not in examples:
                documents.append(doc)
                examples.append(example)
        if len(documents) >= FEW:
            break
    if len(documents) < 2:
        raise DiagnoseError(
            f"{len(documents)} of the first {len(order)} prepared rows have a prompt and an answer of two "
            "tokens that carry loss: give the examples that the data set was made from, as examples="
        )
    return documents, examples


def find_documents(rows, examples, encode):
    """{an example's number: its Document}: where the ids of its texts stand in order in a prepared row.

    Examples that stand in none are left out. Raises DiagnoseError where fewer than two are found.
    """
    places = [(doc, rows[doc.row]["input_ids"][doc.start : doc.end]) for doc in split_all(rows)]
    found = {}
    for number, example in enumerate(examples):
        pieces = [list(encode(text)) for text in read_texts(example)]
        left = [(doc, ids) for doc, ids in places if doc not in found.values()]
        holding = [doc for doc, ids in left if find_in_order(ids, pieces)]
        holding = holding or [doc for doc, ids in left if find_in_order(ids, pieces, is_cut=True)]
        if holding:
            found[number] = holding[0]
    if len(found) < 2:
        raise DiagnoseError(
            f"{len(found)} of {len(examples)} examples stand in the first {len(rows)} prepared rows: was the "
            "data set made from them, were they cut, or does the tokenizer merge across their edges?"
        )
    return found


def find_in_order(ids, pieces, is_cut=False):
    """Whether the pieces stand in a list of ids, one after the other; the last may be cut off."""
    at = 0
    for number, piece in enumerate(pieces):
        is_last = is_cut and number == len(pieces) - 1
        starts = range(at, len(ids) if is_last else len(ids) - len(piece) + 1)
        ends = (
            start + len(piece)
            for start in starts
            if ids[start : start + len(piece)] == piece[: len(ids) - start]
        )
        at = next(ends, None)
        if at is None:
            return False
    return True


def read_texts(example):
    """The texts of a pair or of messages, in order; tool calls without content have none."""
    if isinstance(example, dict):
        return [message["content"] for message in example["messages"] if message.get("content")]
    return list(example)


def read_example(example):
    """An example of a data set as `pipeline` takes it: a pair, or messages whose contents are texts.

    The answers in the prompt of a conversational pair are meant to carry no loss.
    """
    if not isinstance(example, dict):
        return example
    if "messages" in example:
        return {**example, "messages": [join_parts(message) for message in example["messages"]]}
    if "prompt" not in example or "completion" not in example:
        raise DiagnoseError(
            f"a row holds {', '.join(example)}: rows with input_ids, messages, or prompt and completion can "
            "be diagnosed, so use diagnose.torch_step with your collator for others"
        )
    prompt, completion = example["prompt"], example["completion"]
    if isinstance(prompt, str):
        return prompt, completion
    dark = [{**message, "weight": 0.0} if message["role"] == "assistant" else message for message in prompt]
    return {"messages": [join_parts(message) for message in [*dark, *completion]]}


def join_parts(message):
    """A message whose content is one text, where it was a list of parts. Raises DiagnoseError for images."""
    parts = message.get("content")
    if not isinstance(parts, list) or not all(isinstance(part, dict) for part in parts):
        return message
    kinds = {part.get("type") for part in parts}
    if kinds - {"text"}:
        raise DiagnoseError(
            f"a message has parts of type {', '.join(sorted(map(str, kinds)))}: only text is read"
        )
    return {**message, "content": "".join(part["text"] for part in parts)}
