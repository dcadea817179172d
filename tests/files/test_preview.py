"""The preview of a file: marks that stand in the text, counts worked by hand, three ways to show."""

import html.parser
import json

import pytest

from minilm import files
from minilm.__main__ import main
from minilm.commands import terminal

ROWS = [
    {"prompt": "ab", "completion": "c"},
    {
        "messages": [
            {"role": "user", "content": "a\n<b>"},
            {"role": "assistant", "content": "bb", "weight": 0.5},
            {"role": "user", "content": "\u001b[31m"},
            {"role": "assistant", "content": "c"},
        ]
    },
    {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b", "weight": 0}]},
    {"prompt": "abcdefghijklm", "completion": "c"},
]


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text("\n\n".join(json.dumps(row) for row in ROWS), encoding="utf-8")  # lines 1, 3, 5, 7
    return path


def marks(shown):
    return [f"{mark} {text}" for mark, _, text in shown.entries]


def test_runs_by_hand(path):
    seen = files.preview.read(path, numbers=range(2))
    assert [(row.number, row.line) for row in seen.shown] == [(0, 1), (1, 3)]
    assert marks(seen.shown[0]) == ["- <bos><user>ab", "- <assistant>", "+ c<eos>"]
    assert marks(seen.shown[1]) == [
        *[r"- <bos><user>a\n<b>", "- <assistant>", "~ bb<eos>"],
        *[r"- <user>\x1b[31m", "- <assistant>", "+ c<eos>"],
    ]


@pytest.mark.parametrize(
    ("policy", "answers"),
    [
        ("last", ["- <assistant>bb<eos>", "- <assistant>", "+ c<eos>"]),
        ("no-eos", ["- <assistant>", "~ bb", "- <eos>", "- <assistant>", "+ c", "- <eos>"]),
        ("last-eos", ["- <assistant>", "~ bb", "- <eos>", "- <assistant>", "+ c<eos>"]),
        ("headers", ["~ <assistant>bb<eos>", "+ <assistant>c<eos>"]),
        ("response", ["- <assistant>", "~ bb<eos>", "- <assistant>", "+ c<eos>"]),
        ("no-system", ["- <assistant>", "~ bb<eos>", "- <assistant>", "+ c<eos>"]),
        ("full", ["~ <assistant>bb<eos>", "+ <assistant>c<eos>"]),
    ],
)
def test_policies_by_hand(path, policy, answers):
    shown = marks(files.preview.read(path, policy=policy, numbers=[1]).shown[0])
    assert [run for run in shown if "<user>" not in run and run != "- <bos>"] == answers


def test_summary_by_hand(path):
    # Row 0: <user> a b <assistant> c <eos>; row 3 is cut after <user> and 8 letters.
    summary = files.preview.read(path, max_tokens=10).summary
    assert summary.rows == 4 and summary.targets == 6 + 9 + 5 + 9
    assert summary.supervised == 2 + 2  # row 1 keeps <user> a \n < b > <assistant> b b
    assert summary.cut == [3, 7] and summary.empty == [5, 7]
    said = files.preview.summarize(files.preview.read(path, max_tokens=10))
    assert said[0] == "4 rows; 4 of 29 targets carry loss (13.8%)"
    assert said[1:] == [
        "cut to 10 tokens: 2 rows, on lines 3, 7",
        "without a target, so that they train nothing: 2 rows, on lines 5, 7",
    ]
    assert files.rows.list_lines([4]) == "1 row, on line 4" and files.rows.list_lines([]) == "no row"
    assert files.rows.list_lines(list(range(1, 23))).endswith("19, 20 and 2 more")


@pytest.mark.parametrize("level", ["char", "byte"])
def test_a_file_of_prompts_keeps_the_template_it_is_trained_with(tmp_path, level):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"prompt": "é?", "completion": "ü"}', encoding="utf-8")
    (shown,) = files.preview.read(path, level).shown
    assert marks(shown) == ["- <bos>é?\\n", "+ ü<eos>"]
    (shown,) = files.preview.read(path, level, prompt_weight=0.5).shown
    assert marks(shown) == ["- <bos>", "~ é?\\n", "+ ü<eos>"]


class Page(html.parser.HTMLParser):
    """The text of list items, and all tags."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.items, self.inside = set(), [], False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.inside = tag == "li"
        if self.inside:
            self.items.append("")

    def handle_endtag(self, tag):
        self.inside = self.inside and tag != "li"

    def handle_data(self, data):
        if self.inside:
            self.items[-1] += data


def test_the_page_holds_the_same_marks_and_nothing_that_runs(path):
    seen = files.preview.read(path, numbers=range(4))
    page = Page(files.preview.make_page(seen))
    assert not page.tags & {"script", "link", "img", "iframe", "b"}  # <b> is text of a row
    expected = [run for shown in seen.shown for run in marks(shown)]
    assert [item.removesuffix("  (0.5)") for item in page.items] == expected


def test_colour_is_for_terminals_and_only_repeats_the_marks(path, monkeypatch, capsys):
    def printed(isatty, **env):
        monkeypatch.delenv("NO_COLOR", raising=False)
        for name, value in env.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(terminal.sys.stdout, "isatty", lambda: isatty, raising=False)
        assert main(["mask", "--data", str(path), "--row", "1"]) == 0
        return capsys.readouterr().out

    plain, coloured = printed(False), printed(True)
    assert "\033" not in plain and r"- <user>\x1b[31m" in plain
    assert "+ \033[30;42mc<eos>\033[0m" in coloured
    assert printed(True, NO_COLOR="1") == plain
    for code in ("\033[30;42m", "\033[30;43m", "\033[2m", "\033[0m"):
        coloured = coloured.replace(code, "")
    assert coloured == plain


def test_the_command_writes_a_page_for_a_row(path, tmp_path, capsys):
    argv = ["mask", "--data", str(path), "--policy", "last", "--level", "byte", "--max-tokens", "30"]
    assert main([*argv, "--html", str(tmp_path / "page.html")]) == 0
    out = capsys.readouterr().out
    assert out.startswith("4 rows; ") and "page.html holds the rows" in out
    assert len(Page((tmp_path / "page.html").read_text(encoding="utf-8")).items) > 8
