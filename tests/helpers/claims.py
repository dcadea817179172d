"""Every number in README, lessons and captions against what it was measured by.

Captions are made again from the figures' JSON. Any other number with a decimal point or a percent sign
in README should stand in a caption or in what the main job prints of the JSON; in a lesson, in what a
cell of that lesson prints or says. What is no measurement is listed here. That a number has a source
does not make its sentence right: people should read those.
"""

import functools
import json
import re
import subprocess
import warnings
from pathlib import Path

from minilm import corpora, figures
from minilm.figures import report
from minilm.figures.results import read_json

NUMBER = re.compile(
    r"(?<![\w.])\d+\.\d+(?![\w.]|-\w)|(?<![\w.])\.\d+\b|\b\d+(?:\.\d+)? ?%|\b\d(?:\.\d+)?e-\d+\b"
)
NO_MEASUREMENT = {  # settings, versions, paper numbers, and examples that a reader is asked about
    "README.md": {
        "3.10",
        "0.1",
        "2501.09223",
        *"1.6 4.7 1.1 0.9 2.4 90%".split(),
    },  # the last: of two benches
    "lessons": {"0.1", "0.5", "1.0", "0.0", "0.02", "1e-15", "1e-16", "1e-20"},
}
FORBIDDEN = (
    r"full[- ](?:sequence )?loss (?:is|was) (?:wrong|bad|harmful|always worse|a mistake)",
    r"(?:ruins?|destroys?|breaks?) the model",
    r"no gradient (?:at|reaches|flows to|for) (?:the )?prompts?\b",
    r"log P\(x\) (?:is|stays|remains|was) (?:constant|unchanged|fixed|frozen|as it was)",
    r"mask(?:ing|ed loss) is always better",
)


def check(home="."):
    """All problems, as sentences that name the place; an empty list if everything is true.

    Raises OSError where README, lessons or figures are missing.
    """
    home = Path(home)
    results = {}
    for path in sorted((home / "figures").glob("*.json")):
        if path.stem in figures.NAMES:
            results[path.stem] = read_json(path)
        else:
            warnings.warn(f"figures/{path.name} is no figure of minilm's: not checked", stacklevel=2)
    said = [*captions(results), *readme(home, results), *lessons(home)]
    return said + forbidden(home, results)


def find_changed_figures(home):
    """Files of figures/ that are not as committed; an empty list where git cannot tell."""
    command = ["git", "diff", "--name-only", "--relative", "HEAD", "--", "figures"]
    try:
        done = subprocess.run(command, cwd=home, capture_output=True, check=True, encoding="utf-8")
    except (OSError, subprocess.CalledProcessError):
        return []
    return done.stdout.splitlines()


def captions(results):
    """Captions that are not those that their numbers make."""
    for name, result in results.items():
        if result["caption"] != figures.find_module(name).caption(result):
            yield f"figures/{name}.json: its caption is not made of its numbers: make it anew"


def readme(home, results):
    """README's blocks, captions and numbers."""
    text = (home / "README.md").read_text(encoding="utf-8")
    printed = [report.format_comparison(results["masked_vs_full"]), *measure_anew()]
    for name, result in results.items():
        if f"](figures/{name}.png)\n\n*" in text and result["caption"] not in text:
            yield f"README.md: the caption under figures/{name}.png is another than in its JSON"
    sources = "\n".join([*printed, *(result["caption"] for result in results.values())])
    prose = re.sub(r"```python\n.*?```", "", text, flags=re.DOTALL)
    yield from unfounded("README.md", prose, sources, NO_MEASUREMENT["README.md"])


@functools.cache
def measure_anew():
    """What README says of the mask and of all prompts, which no file of `home` holds."""
    return report.describe_mask(), f"{corpora.expected_entropy():.3f}"


def lessons(home):
    """Numbers in the text of a lesson that none of its cells holds or prints."""
    for path in sorted((home / "lessons" / "solutions").glob("*.ipynb")):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        prose = "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")
        code = [c for c in cells if c["cell_type"] == "code"]
        sources = "\n".join("".join(c["source"]) + printed(c) for c in code)
        yield from unfounded(f"lessons/{path.name}", prose, sources, NO_MEASUREMENT["lessons"])


def printed(cell):
    """The text among a cell's outputs."""
    texts = [out.get("text", out.get("data", {}).get("text/plain", "")) for out in cell["outputs"]]
    return "\n".join("".join(text) for text in texts)


def unfounded(where, prose, sources, known):
    """Numbers of `prose` that do not occur in `sources`, each with its surroundings."""
    vouched = {plain(number) for number in NUMBER.findall(sources)} | {plain(number) for number in known}
    for found in NUMBER.finditer(prose):
        if plain(found[0]) not in vouched:
            around = prose[max(0, found.start() - 40) : found.end() + 20].replace("\n", " ")
            yield f"{where}: {found[0]} in '...{around}...' is no number of a report, caption or cell"


def plain(number):
    """One spelling: no blank before %, a 0 before the point."""
    number = number.replace(" ", "")
    return f"0{number}" if number.startswith(".") else number


def forbidden(home, results):
    """Sentences that say more than was measured, anywhere a reader looks."""
    texts = {f"figures/{name}.json": result["caption"] for name, result in results.items()}
    for path in (
        home / "README.md",
        *sorted(home.glob("lessons/**/*.[im][pd]*")),
        *sorted(home.glob("minilm/**/*.py")),
    ):
        if path.name != "claims.py":
            texts[str(path.relative_to(home))] = path.read_text(encoding="utf-8")
    return [
        f"{where}: '{words}' claims more than was measured"
        for where, text in texts.items()
        for words in find_forbidden(text)
    ]


@functools.cache
def find_forbidden(text):
    """The words of a text that say too much, the first of each kind."""
    found = (re.search(pattern, text, re.IGNORECASE) for pattern in FORBIDDEN)
    return [match[0] for match in found if match]
