"""README states what the stored results say, and nothing that went stale."""

import inspect
import re
from pathlib import Path

import pytest

from minilm import faults, model
from minilm.figures import report, results

HOME = Path(__file__).parents[1]
README = (HOME / "README.md").read_text(encoding="utf-8")


@pytest.mark.usefixtures("committed_figures")
def test_every_figure_shown_has_its_text_and_there_are_three_at_most():
    shown = re.findall(r"!\[(.*?)\]\((.*?)\)", README)
    assert 1 <= len(shown) <= 3
    for alt, path in shown:
        assert (HOME / path).exists()
        assert alt == results.read_json((HOME / path).with_suffix(".json"))["alt"]


def test_it_is_short():
    assert README.count("\n") <= 180


def test_the_mask_table_is_the_one_printed():
    printed = report.describe_mask()
    assert printed.split("\n\n")[1] in README


def test_paths_in_the_file_tree_exist():
    tree = README.partition("## Read the code")[2].partition("```")[2].partition("```")[0]
    flat, folders = tree.partition("faults/ ")[0], re.findall(r"^  (\w+)/ ", tree, re.M)
    names = [name for line in flat.splitlines()[2:] for name in line[2:33].split()]
    assert len(names) >= 15 and all((HOME / "minilm" / f"{name}.py").is_file() for name in names)
    assert len(folders) == 8 and all((HOME / "minilm" / folder).is_dir() for folder in folders)


def test_the_number_of_faults_is_right_where_it_is_written():
    assert len(faults.FAULTS) == 33
    assert "[Thirty-three of them](lessons/faults.md)" in README and "faults/       33 ways" in README


def code_with(word):
    """The README's python block that contains a word."""
    return next(code for code in re.findall(r"```python\n(.*?)```", README, re.DOTALL) if word in code)


def test_the_checker_prints_the_example_as_quoted(capsys):
    exec(code_with("def loss_mask"), {})
    said = re.search('It prints \\*"(.*?)"\\*', " ".join(README.split()))[1]
    assert said in capsys.readouterr().out


def test_the_loss_mask_s_six_lines_are_those_of_the_model():
    lines = [line.partition("#")[0].strip() for line in code_with("nll_cache)").strip().split("\n")]
    source = inspect.getsource(model.loss_and_grads)
    assert len(lines) == 6 and all(line in source for line in lines)


@pytest.mark.parametrize("pattern", ["*.md", "minilm/*.py", "tests/**/*.py", "pyproject.toml"])
def test_the_repository_speaks_of_the_project_alone(pattern):
    for path in HOME.glob(pattern):
        text = path.read_text(encoding="utf-8")
        for word in ("/" + "work/", "/" + "tmp/", "/" + "home/", "bash" + "_jobs"):
            assert word not in text, f"{path.name} names {word}"


@pytest.mark.parametrize("pattern", ["README.md", "lessons/**/*.md", "lessons/**/*.ipynb", "minilm/**/*.py"])
def test_no_sentence_says_again_what_readers_stumbled_over(pattern):
    for path in HOME.glob(pattern):
        text = path.read_text(encoding="utf-8")
        for words in (
            *(r"\bshall\b", r"\bcares? for\b", "is called so", "fortress", "beside the point"),
            *("but for luck", "no loss shall be", "short path"),
        ):
            assert not re.search(words, text, re.I), f"{path.name}: {words}"
