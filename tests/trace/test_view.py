"""The step-through's text form: its printed numbers are the recorded ones."""

import numpy as np
import pytest

from minilm import data, gradcheck, model, trace, tree
from minilm import tokenizer as tokenizers
from minilm.figures import identities
from minilm.trace import panels, view

WEIGHTS = (0.0, 0.3, 1.0)
INPUTS, TARGETS = ("<bos>", *identities.TOKENS[:-1]), identities.TOKENS


@pytest.fixture
def seed_trace():
    tokenizer, row, config, params = identities.seed_example()
    return trace.trace(params, row, config, tokenizer, WEIGHTS)


def print_tables(traced):
    """{caption: lines of texts} of all tables, as the text form prints their cells."""
    tables = {}
    for step in view.list_steps(traced):
        for panel in (panel for group in step.groups for panel in group.panels):
            lines = zip(panel.rows, panel.cells, strict=True)
            printed = [[name, *map(panels.format_number, cells)] for name, cells in lines]
            tables[panel.caption] = [[panel.corner, *panel.columns], *printed]
    return tables


def recorded(seed_trace, caption):
    """The array (rows, columns) that a table's caption names."""
    name, *rest = caption.split(", ")
    head = next((int(part[5:]) for part in rest if part.startswith("head ")), None)
    weight = next((w for w in WEIGHTS if panels.name_loss(w) in rest), None)
    if name == "dwte.weight":
        return seed_trace.grads[weight]["wte"]["weight"]
    array = seed_trace.values[name] if weight is None else seed_trace.gradients[weight][name]
    return array if array.ndim == 2 else array[0] if head is None else array[0, head]


def agrees(text, value):
    """A printed number is the value, to its last digit; "0" is exactly 0, and nothing else is."""
    if value == 0 or text == "0":
        return value == 0 and text == "0"
    digits, _, exponent = text.partition("e")
    last = 10.0 ** (int(exponent or 0) - len(digits.partition(".")[2]))
    return text[0] == "-+"[int(value > 0)] and abs(float(text) - value) <= 0.501 * last


def test_printed_numbers_are_the_recorded_ones(seed_trace):
    arrays = {*seed_trace.values, *seed_trace.gradients[0.0], "dwte.weight"} - {"nll", "dnll", "dwte", "dwpe"}
    checked, cells = set(), 0
    for caption, (head, *lines) in print_tables(seed_trace).items():
        name = caption.split(",")[0]
        if name not in arrays:
            continue
        checked.add(name)
        norms = head[1] == "row norm"
        for i, (row, (_, *printed)) in enumerate(zip(recorded(seed_trace, caption), lines, strict=True)):
            values = [np.linalg.norm(row), *row] if norms else row
            values = values[: len(head) - 1] if row.size > 16 else values
            for j, (text, value) in enumerate(zip(printed, values, strict=True)):
                future = name.endswith(".scores") and j > i
                assert text == "×" if future else agrees(text, value), caption
                cells += 1
    assert checked == {name for name in arrays if not name.endswith("dc_proj")}
    assert cells > 8000


def test_norms_of_parameter_gradients(seed_trace):
    lines = print_tables(seed_trace)["norms of the parameters' gradients"]
    printed = {row_name.split(" ")[0]: norms for row_name, *norms in lines[1:]}
    assert list(printed) == [name for name, _ in tree.named(seed_trace.grads[0.0])]
    for k, weight in enumerate(WEIGHTS):
        for name, gradient in tree.named(seed_trace.grads[weight]):
            assert agrees(printed[name][k], np.linalg.norm(gradient)), name


def test_per_token_tables_show_the_mask_the_nll_and_dnll(seed_trace):
    tables = print_tables(seed_trace)
    assert [line[1] for line in tables["nll"][1:]] == [f"{x:+.3f}" for x in seed_trace.values["nll"][0]]
    assert tables["loss_mask"][0] == ["t", "masked", "weight 0.3", "full"]
    assert tables["loss_mask"][1:] == [
        *(
            [f"{t} {a} → {b}", "0", "+0.300", "+1.000"]
            for t, (a, b) in enumerate(zip(INPUTS[:-1], TARGETS[:-1], strict=True))
        ),
        ["5 Assistant: → 4", "+1.000", "+1.000", "+1.000"],
    ]
    assert tables["dnll"][1][1:] == ["0", "+0.120", "+0.167"]  # 0.3 / 2.5 and 1 / 6
    assert tables["dnll"][6][1:] == ["+1.000", "+0.400", "+0.167"]
    for line, weight in zip(tables["loss"][1:], WEIGHTS, strict=True):
        assert line[2:] == [f"{1 + 5 * weight:+.3f}", f"{seed_trace.losses[weight]:+.3f}"]
    likeliest = seed_trace.tokenizer.show(int(seed_trace.values["probs"][0, 0].argmax()))
    assert tables["top candidates"][1][1] == f"{likeliest} {seed_trace.values['probs'].max(-1)[0, 0]:+.3f}"


def test_every_step_has_formula_shape_and_sentence(seed_trace):
    steps, plain = view.list_steps(seed_trace), str(seed_trace)
    assert len(steps) == 54
    for step in steps:
        assert step.formula and step.notice.endswith(".") and step.groups
        assert all(group.shape and group.panels for group in step.groups)
        assert all(text in plain for text in (step.title, step.formula, step.notice))
        assert all(group.shape in plain for group in step.groups)


def test_text_form_holds_every_cell(seed_trace):
    panel_list = [p for step in view.list_steps(seed_trace) for group in step.groups for p in group.panels]
    printed = " ".join(
        panels.format_number(cell)
        for p in panel_list
        for line in [
            [p.corner, *p.columns],
            *([name, *cells] for name, cells in zip(p.rows, p.cells, strict=True)),
        ]
        for cell in line
    )
    text = [line for line in str(seed_trace).split("\n") if line.startswith("     ")]
    assert sorted(printed.split()) == sorted(word for line in text for word in line.split())
    assert repr(seed_trace) == (
        "<Trace of 6 positions, loss: masked, weight 0.3, full; print() shows its steps>"
    )


def small(rng, vocab_size, n_positions, n_layer, n_embd):
    config = model.Config(vocab_size, n_positions, n_layer, 2, n_embd)
    return gradcheck.draw_params(config, rng), config


def test_wide_arrays_show_the_first_channels_and_say_so(rng):
    example = data.Example("ab", "c")
    tokenizer = tokenizers.build("byte")
    row = data.encode(example, tokenizer)
    params, config = small(rng, 259, 4, 1, 24)
    seed_trace = trace.trace(params, row, config, tokenizer, [0])
    tables = print_tables(seed_trace)
    assert tables["x"][0] == ["t", "row norm", *map(str, range(8))]
    assert "(B, T, C) = (1, 4, 24); 8 of 24 columns are shown, the row norm is over all" in str(seed_trace)
    assert float(tables["x"][1][1]) == pytest.approx(np.linalg.norm(seed_trace.values["x"][0, 0]), abs=5e-4)
    assert tables["logits"][0] == ["t", "row norm", "<eos>", "c", "b", "a", "<bos>"]
    target = float(tables["logits"][3][3])  # position 2 reads b and predicts c
    assert target == pytest.approx(seed_trace.values["logits"][0, 2, tokenizer.ids[ord("c")]], abs=5e-4)
    assert [line[0] for line in tables["dwte.weight, masked"][1:]] == ["<eos>", "c", "b", "a", "<bos>"]
