"""The text form: every step is there, and its numbers are the recorded ones."""

import re

import numpy as np
import pytest

from minilm import data, gradcheck, model, trace, tree
from minilm import tokenizer as tokenizers
from minilm.figures import identities
from minilm.trace import steps, text

WEIGHTS = (0.0, 0.3, 1.0)
LOSSES = ("masked", "weight 0.3", "full")


@pytest.fixture(scope="module")
def seed_trace():
    tokenizer, row, config, params = identities.seed_example()
    return trace.trace(params, row, config, tokenizer, WEIGHTS)


def read_tables(written):
    """{the line above a table: its lines, split into cells}."""
    tables, caption = {}, None
    for line in written.split("\n"):
        if line.startswith("     "):
            tables.setdefault(caption, []).append(
                re.split("  +", line[5:].strip() if line[5:6] == " " else line[5:])
            )
        elif line.strip() and not line.startswith("   Positions where"):
            caption = re.sub(r"  \(.*", "", line.strip())
    return tables


def find_array(seed_trace, caption):
    """The recorded table (rows, columns) that a caption names, or None."""
    name, *rest = caption.split(", ")
    head = next((int(part[5:]) for part in rest if part.startswith("head ")), None)
    loss = next((w for w, loss in zip(WEIGHTS, LOSSES, strict=True) if loss in rest), None)
    arrays = seed_trace.values if loss is None else seed_trace.gradients[loss]
    if name not in arrays or arrays[name].shape == (1, 6):
        return None
    array = arrays[name]
    return array if array.ndim == 2 else array[0] if head is None else array[0, head]


def agrees(printed, value):
    """A printed number is the value, to its last digit; "0" is exactly 0, and nothing else is."""
    if value == 0 or printed == "0":
        return value == 0 and printed == "0"
    digits, _, exponent = printed.partition("e")
    last = 10.0 ** (int(exponent or 0) - len(digits.partition(".")[2]))
    return printed[0] == "-+"[int(value > 0)] and abs(float(printed) - value) <= 0.501 * last


def test_printed_numbers_are_the_recorded_ones(seed_trace):
    checked, cells = set(), 0
    for caption, (_, *lines) in read_tables(str(seed_trace)).items():
        array = find_array(seed_trace, caption)
        if array is None:
            continue
        checked.add(caption.split(",")[0])
        for row, (_, *printed) in zip(array, lines[: len(array)], strict=True):  # dx is shown twice
            values = row if len(printed) == len(row) else [np.linalg.norm(row), *row[: len(printed) - 1]]
            assert all(map(agrees, printed, values)), caption
            cells += len(printed)
    skipped = {"nll", "dnll", "dwte", "dwpe"}
    expected = {*seed_trace.values, *seed_trace.gradients[0.0]} - skipped
    assert checked == {name for name in expected if not name.endswith("dc_proj")} and cells > 8000


def test_tables_of_tokens_losses_and_parameters(seed_trace):
    tables = read_tables(str(seed_trace))
    nll, masks = tables["nll"], tables["loss_mask"]
    assert [line[1] for line in nll[1:]] == [f"{x:+.3f}" for x in seed_trace.values["nll"][0]]
    assert masks[1] == ["0 <bos> → User:", "0", "+0.300", "+1.000"]
    assert masks[6] == ["5 Assistant: → 4", "+1.000", "+1.000", "+1.000"]
    assert tables["dnll"][1][1:] == ["0", "+0.120", "+0.167"]  # 0.3 / 2.5 and 1 / 6
    written = str(seed_trace)
    assert re.search(r"5 +Assistant: +5 +prompt +4 +response +4\n", written)
    for loss, weight in zip(LOSSES, WEIGHTS, strict=True):
        assert re.search(
            rf"{loss} +\S+ +\+{1 + 5 * weight:.3f} +\{seed_trace.losses[weight]:+.3f}\n", written
        )
    for name, _ in tree.named(seed_trace.grads[0.0]):
        norms = re.search(rf"     {re.escape(name)} \([\d, ]+\) +(.*)\n", written)[1].split()
        recorded = [dict(tree.named(seed_trace.grads[weight]))[name] for weight in WEIGHTS]
        assert all(map(agrees, norms, map(np.linalg.norm, recorded))), name


def test_every_step_has_its_texts(seed_trace):
    written = str(seed_trace)
    listed = list(steps.list_steps(2))
    assert len(listed) == 53
    for n, (_, spec, _, _) in enumerate(listed, start=1):
        assert f"\n{n}. {spec.title}\n   {spec.formula}\n   {spec.notice}\n" in written
    names = "loss: masked, weight 0.3, full; print() shows its steps"
    assert repr(seed_trace) == f"<Trace of 6 positions, {names}>"


def test_a_wide_array_shows_a_few_columns_and_the_norm():
    example = data.Example("ab", "c")
    tokenizer = tokenizers.build("byte")
    row = data.encode(example, tokenizer)
    config = model.Config(259, 4, 1, 2, 24)
    params = gradcheck.draw_params(config, np.random.default_rng(0))
    traced = trace.trace(params, row, config, tokenizer, [0])
    tables = read_tables(str(traced))
    assert tables["h.0.mlp.gelu"][0] == ["row norm", *map(str, range(8))]
    norm = np.linalg.norm(traced.values["h.0.mlp.gelu"][0, 0])
    assert float(tables["h.0.mlp.gelu"][1][1]) == pytest.approx(norm, abs=5e-4)
    assert tables["logits"][0] == ["row norm", "<eos>", "c", "b", "a", "<bos>"]
    target = float(tables["logits"][3][3])  # position 2 reads b and predicts c
    assert target == pytest.approx(traced.values["logits"][0, 2, tokenizer.ids[ord("c")]], abs=5e-4)


NUMBERS = [(0.0, "0"), (-0.0, "0"), (0.1234, "+0.123"), (-12.3456, "-12.346"), (0.0042, "+4.2e-3")]
NUMBERS += [(-1e-300, "-1.0e-300"), (5e-324, "+4.9e-324"), (0.00999, "+0.010"), (123456.0, "+1.2e5")]
NUMBERS += [(0.0099, "+9.9e-3"), (float("nan"), "+nan"), (float("-inf"), "-inf"), ("a", "a")]


@pytest.mark.parametrize("cell, expected", NUMBERS)
def test_a_number_shows_its_sign_and_never_rounds_to_zero(cell, expected):
    assert text.format_number(cell) == expected
