"""The step-through's page and text: printed numbers, whole and harmless HTML, readable cells."""

import html
import html.parser
import re

import numpy as np
import pytest

from minilm import data, gradcheck, model, trace, tree
from minilm import tokenizer as tokenizers
from minilm.figures import identities
from minilm.trace import css, panels, view

WEIGHTS = (0.0, 0.3, 1.0)
VOID = {"meta", "input", "hr", "br", "link", "img"}
INPUTS, TARGETS = ("<bos>", *identities.TOKENS[:-1]), identities.TOKENS


@pytest.fixture
def seed_trace():
    tokenizer, row, config, params = identities.seed_example()
    return trace.trace(params, row, config, tokenizer, WEIGHTS)


class Page(html.parser.HTMLParser):
    """Every tag with its attributes, and every table as (caption, header, {row name: cells})."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.tags, self.open, self.tables, self.wrong = [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "table":
            self.tables.append(["", []])
        elif tag == "tr":
            self.tables[-1][1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][1][-1].append("")

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append((tag, self.getpos()))

    def handle_data(self, text):
        if self.open and self.open[-1] in ("td", "th"):
            self.tables[-1][1][-1][-1] += text
        elif self.open and self.open[-1] == "caption":
            self.tables[-1][0] += text


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
    for caption, (head, *lines) in Page(seed_trace.html()).tables:
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
    lines = next(lines for caption, lines in Page(seed_trace.html()).tables if caption.startswith("norms of"))
    printed = {row_name.split(" ")[0]: norms for row_name, *norms in lines[1:]}
    assert list(printed) == [name for name, _ in tree.named(seed_trace.grads[0.0])]
    for k, weight in enumerate(WEIGHTS):
        for name, gradient in tree.named(seed_trace.grads[weight]):
            assert agrees(printed[name][k], np.linalg.norm(gradient)), name


def test_per_token_tables_show_the_mask_the_nll_and_dnll(seed_trace):
    tables = {caption: lines for caption, lines in Page(seed_trace.html()).tables}
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


def test_html_is_well_formed_and_self_contained(seed_trace):
    text = seed_trace.html()
    page = Page(text)
    assert page.wrong == [] and page.open == []
    tags = {tag for tag, _ in page.tags}
    assert not tags & {"script", "link", "img", "iframe", "object", "form", "base"}
    assert not re.search(r"https?:|//|url\(|@import|javascript:", text)
    assert not [name for _, attrs in page.tags for name in attrs if name.startswith("on")]
    assert {"title", "h1", "h2", "h3", "fieldset", "legend", "caption"} <= tags
    assert dict(page.tags)["html"] == {"lang": "en"}
    assert all(attrs.get("scope") in ("col", "row") for tag, attrs in page.tags if tag == "th")
    assert len(text.encode()) < 1_000_000


def test_radio_buttons_step_through_all_steps(seed_trace):
    tags = Page(seed_trace.html()).tags
    radios = [attrs for tag, attrs in tags if tag == "input"]
    count = len(view.list_steps(seed_trace))
    assert len(radios) == count == sum(tag == "section" for tag, _ in tags)
    assert all(r["type"] == "radio" for r in radios) and len({r["name"] for r in radios}) == 1
    assert [r["id"] for r in radios if "checked" in r] == [radios[0]["id"]]
    ids = [attrs["id"] for _, attrs in tags if "id" in attrs]
    assert len(set(ids)) == len(ids)
    steps = [int(attrs["for"].rpartition("-")[2]) for tag, attrs in tags if tag == "label"]
    ways = [[n, *([n - 1] if n else []), n + 1] for n in range(count)]  # the step itself, back, on
    assert steps == [k for way in ways for k in way][:-1]


def test_every_step_has_formula_shape_and_sentence(seed_trace):
    steps = view.list_steps(seed_trace)
    text, plain = seed_trace.html(), str(seed_trace)
    assert len(steps) == 54
    for step in steps:
        assert step.formula and step.notice.endswith(".") and step.groups
        assert all(group.shape and group.panels for group in step.groups)
        for text_part in (step.title, step.formula, step.notice, *(g.shape for g in step.groups)):
            assert html.escape(text_part) in text and text_part in plain


def test_text_form_is_plain_and_complete(seed_trace):
    text = str(seed_trace)
    assert not re.search(r"</?(td|th|tr|table|p|div|section|label|input|style)\b|&(lt|gt|amp|#)", text)
    printed = [c for _, lines in Page(seed_trace.html()).tables for line in lines for c in line]
    assert sorted(" ".join(printed).split()) == sorted(
        word for line in text.split("\n") if line.startswith("     ") for word in line.split()
    )
    losses = "masked, weight 0.3, full"
    assert repr(seed_trace) == f"<Trace of 6 positions, loss: {losses}; print() shows its steps>"


def test_two_traces_on_one_page_do_not_interfere(seed_trace):
    tokenizer, row, config, params = identities.seed_example(1)
    fragments = [
        seed_trace._repr_html_(),
        seed_trace._repr_html_(),
        trace.trace(params, row, config, tokenizer)._repr_html_(),
    ]
    names = [{a[k] for _, a in Page(f).tags for k in ("id", "name") if k in a} for f in fragments]
    assert not (names[0] & names[1] or names[0] & names[2] or names[1] & names[2])
    assert all(page.wrong == [] and page.open == [] for page in map(Page, fragments))


def test_styles_do_not_leak(seed_trace):
    sheet = css.build_sheet()
    for rule in re.sub(r"@media[^{]*\{", "", sheet).split("}"):
        for selector in rule.partition("{")[0].split(","):
            assert not selector.strip() or selector.strip().startswith(".minilm-trace"), selector
    assert sheet in seed_trace._repr_html_()


def luminance(colour):
    parts = [int(colour[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return float(np.dot([0.2126, 0.7152, 0.0722], linear))


def test_text_on_every_shade_is_readable():
    shades = re.findall(r"td\.[pns]\d \{ background:#(\w{6})", css.build_sheet())
    assert len(shades) == 24
    for shade in shades:  # WCAG contrast of #111 on it
        assert (luminance(shade) + 0.05) / (luminance("111111") + 0.05) >= 4.5, shade


def test_colours_are_shared_centred_and_leave_exact_zeros_out(seed_trace):
    for step in view.list_steps(seed_trace):
        for group in step.groups:
            numbers = [c for p in group.panels for k, c in enumerate_cells(p) if not isinstance(c, str)]
            assert group.limit is None or group.limit >= max(map(abs, numbers)) - 1e-12, group.name
    page = seed_trace.html()
    assert '<td class="z">0</td>' in page and not re.search(r'<td class="[pns]\d">0<', page)
    assert not re.search(r'<td class="p\d">-|<td class="n\d">\+', page)


def enumerate_cells(panel):
    skip = panel.columns[0] == "row norm"
    return [(k, c) for line in panel.cells for k, c in enumerate(line) if not (skip and k == 0)]


def small(rng, vocab_size, n_positions, n_layer, n_embd):
    config = model.Config(vocab_size, n_positions, n_layer, 2, n_embd)
    return gradcheck.draw_params(config, rng), config


def test_markup_and_foreign_letters_are_escaped(rng):
    example = data.Example("<b>&\"' 日本", "</td> é")
    tokenizer = tokenizers.build("word", example)
    row = data.encode(example, tokenizer)
    params, config = small(rng, len(tokenizer.vocab), 6, 1, 4)
    seed_trace = trace.trace(params, row, config, tokenizer)
    page = Page(seed_trace.html())
    assert page.wrong == [] and page.open == [] and "b" in {tag for tag, _ in page.tags}
    assert "<b>&" not in seed_trace.html() and "0 <bos> → <b>&\"'" in str(seed_trace)
    tokens = next(lines for caption, lines in page.tables if caption == "tokens")
    assert [line[3] for line in tokens[1:]] == ["<b>&\"'", "日本", "</td>", "é", "<eos>"]


def test_wide_arrays_show_the_first_channels_and_say_so(rng):
    example = data.Example("ab", "c")
    tokenizer = tokenizers.build("byte")
    row = data.encode(example, tokenizer)
    params, config = small(rng, 259, 4, 1, 24)
    seed_trace = trace.trace(params, row, config, tokenizer, [0])
    tables = {caption: lines for caption, lines in Page(seed_trace.html()).tables}
    assert tables["x"][0] == ["t", "row norm", *map(str, range(8))]
    assert "(B, T, C) = (1, 4, 24); 8 of 24 columns are shown, the row norm is over all" in str(seed_trace)
    assert float(tables["x"][1][1]) == pytest.approx(np.linalg.norm(seed_trace.values["x"][0, 0]), abs=5e-4)
    assert tables["logits"][0] == ["t", "row norm", "<eos>", "c", "b", "a", "<bos>"]
    target = float(tables["logits"][3][3])  # position 2 reads b and predicts c
    assert target == pytest.approx(seed_trace.values["logits"][0, 2, tokenizer.ids[ord("c")]], abs=5e-4)
    assert [line[0] for line in tables["dwte.weight, masked"][1:]] == ["<eos>", "c", "b", "a", "<bos>"]
