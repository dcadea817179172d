"""No stale number, and no sentence that says too much: the check, and that it can fail."""

import json
import shutil
import subprocess
from pathlib import Path

import claims
import pytest

HOME = Path(__file__).parents[1]


pytestmark = pytest.mark.usefixtures("committed_figures")


def test_every_number_of_the_repository_has_its_source(known):
    assert known == []


def test_a_json_of_somebody_else_is_named_and_left_out(home, known):
    (home / "figures" / "mine.json").write_text("no JSON", encoding="utf-8")
    with pytest.warns(UserWarning, match=r"figures/mine\.json is no figure of minilm's: not checked"):
        assert claims.check(home) == known


def test_figures_made_anew_are_found(tmp_path):
    assert claims.find_changed_figures(tmp_path) == []  # no repository: nobody knows
    path = tmp_path / "figures" / "few_shot.json"
    path.parent.mkdir()
    path.write_text("{}", encoding="utf-8")
    author = ["-c", "user.name=a", "-c", "user.email=a@b"]
    for command in (["init", "-q"], ["add", "."], [*author, "commit", "-q", "--no-gpg-sign", "-m", "first"]):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    assert claims.find_changed_figures(tmp_path) == []
    path.write_text("no JSON", encoding="utf-8")
    assert claims.find_changed_figures(tmp_path) == ["figures/few_shot.json"]


@pytest.fixture
def home(tmp_path):
    """A copy of what is read, in which something may be wrong."""
    for name in ("README.md", "figures", "lessons", "minilm"):
        copy = shutil.copytree if (HOME / name).is_dir() else shutil.copy
        copy(HOME / name, tmp_path / name)
    return tmp_path


def edit(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


@pytest.fixture(scope="module")
def known(committed_figures):
    """What is said about the repository itself."""
    return claims.check(HOME)


@pytest.fixture
def new_problems(home, known):
    """A function that lists what is said about the copy and was not said about the repository."""
    return lambda: [problem for problem in claims.check(home) if problem not in known]


def test_a_stale_number_in_the_readme_is_found(home, new_problems):
    edit(home / "README.md", "## Run it", "It was 0.4242 nats, or 37 %.\n\n## Run it")
    first, second = new_problems()
    assert first.startswith("README.md: 0.4242 in ") and second.startswith("README.md: 37 % in ")


def test_a_caption_that_its_numbers_do_not_make_is_found(home, new_problems):
    path = home / "figures" / "few_shot.json"
    result = json.loads(path.read_text(encoding="utf-8"))
    result["exact_match"]["0"][0][0] += 0.3
    path.write_text(json.dumps(result), encoding="utf-8")
    assert new_problems() == ["figures/few_shot.json: its caption is not made of its numbers: make it anew"]


def test_a_number_that_no_cell_of_a_lesson_prints_is_found(home, new_problems):
    path = home / "lessons" / "solutions" / "03_loss_mask.ipynb"
    edit(path, "# 3. The loss mask", "# 3. The loss mask, 12.345")
    (problem,) = new_problems()
    assert problem.startswith("lessons/03_loss_mask.ipynb: 12.345 in ")


@pytest.mark.parametrize(
    "sentence",
    [
        "Full loss is wrong.",
        "It ruins the model.",
        "No gradient reaches the prompt.",
        "Here log P(x) stays unchanged.",
        "Masking is always better.",
    ],
)
def test_a_sentence_that_says_too_much_is_found(home, new_problems, sentence):
    edit(home / "README.md", "## Run it", f"{sentence}\n\n## Run it")
    (problem,) = new_problems()
    assert problem.startswith("README.md: ") and problem.endswith("claims more than was measured")


def test_another_caption_under_a_figure_is_found(home, new_problems):
    edit(home / "README.md", "16 channels, summed loss", "32 channels, summed loss")
    (problem,) = new_problems()
    assert problem == "README.md: the caption under figures/lattice.png is another than in its JSON"
