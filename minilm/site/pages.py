"""The pages of the site: the start page, the explorer of one example, and the exercise."""

import html
import json
import re
import shutil
import string
from pathlib import Path

from .. import exercises, figures
from . import packages

HERE = Path(__file__).parent
CDN = "https://cdn.jsdelivr.net/pyodide/v{version}/full/pyodide.mjs"
SHORT = ("00", "01", "02", "03", "04")  # the numbers of the lessons of the short course
CASE = ", case A"  # the part of a later lesson that ends the short course
EXERCISE = "loss_mask"


def write_pages(folder, wheel, lessons, is_local):
    """Write the pages, their style, and minilm.js, which knows where Pyodide and the wheel are."""
    from jupyterlite_pyodide_kernel import constants  # the version that the notebooks' kernel fits

    address = "./pyodide/pyodide.mjs" if is_local else CDN.format(version=constants.PYODIDE_VERSION)
    (folder / "minilm.js").write_text(fill("minilm.js", pyodide=address, wheel=wheel), encoding="utf-8")
    explorer = ["-m", "minilm", "trace", "--html", str(folder / "explorer.html")]
    packages.run_tool("minilm trace", explorer, lessons.parent)
    (folder / "exercise.html").write_text(make_exercise(), encoding="utf-8")
    (folder / "index.html").write_text(make_start(lessons), encoding="utf-8")
    for name in ("site.css", "exercise.js"):
        shutil.copy(HERE / name, folder / name)
    shutil.copy(figures.FIGURES / "lattice.png", folder / "lattice.png")


def fill(file, **parts):
    """The text of a file beside this one with its $parts."""
    return string.Template((HERE / file).read_text(encoding="utf-8")).substitute(parts)


def make_exercise():
    """The page of one exercise: its task, and a place for an answer."""
    exercise = exercises.find(EXERCISE)
    return fill("exercise.html", name=EXERCISE, task=html.escape(exercise.task))


def make_start(lessons):
    """The start page: the explorer, the exercise, and the list of lessons, the short course first."""
    minutes = read_minutes((lessons / "README.md").read_text(encoding="utf-8"))
    paths = sorted(lessons.glob("[0-9]*.ipynb"))
    short = [make_item(path, minutes) for path in paths if path.name[:2] in SHORT]
    short += [make_item(path, minutes, CASE) for path in paths if path.name + CASE in minutes]
    other = [make_item(path, minutes) for path in paths if path.name[:2] not in SHORT]
    lists = {"short": "\n".join(short), "other": "\n".join(other)}
    return fill("start.html", alt=html.escape(figures.load_result("lattice")["alt"]), **lists)


def read_minutes(text):
    """{name of a notebook, or name + CASE: how many minutes, as text} from the table in lessons/README.md."""
    rows = re.findall(rf"^\| \[[^|]*\]\(([\w.]+)\)({CASE})? \|[^|]*\| *(\d[^|]*?) *\|", text, re.M)
    return {name + part: time for name, part, time in rows}


def make_item(path, minutes, part=""):
    """A lesson, or a part of it, in the list: the notebook's first heading, its minutes, the solved one."""
    text = "".join(json.loads(path.read_text(encoding="utf-8"))["cells"][0]["source"])
    title = html.escape(re.search(r"^# (.+)$", text, re.M)[1])
    name = path.name + part
    time = f' <span class="soft">{minutes[name]} min</span>' if name in minutes else ""
    opened = "lite/notebooks/index.html?path="
    return (
        f'<li><a href="{opened}{path.name}">{title}</a>{part}{time} '
        f'<a class="soft" href="{opened}solutions/{path.name}" aria-label="{title}, solved">solved</a></li>'
    )
