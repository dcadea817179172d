"""The site in a real browser: every lesson runs to its end, the exercise answers, the links lead somewhere.

Needs Chromium, `playwright` and the tools that build a site. Pyodide comes from the package index, or
from the folder that the environment variable MINILM_PYODIDE names.
"""

import contextlib
import functools
import http.server
import os
import subprocess
import threading
import time
from pathlib import Path

import psutil
import pyodide_folder
import pytest

from minilm import exercises, site
from minilm.exercises.checker import source

NO_LITE = "needs JupyterLite: pip install -e '.[site]'"
constants = pytest.importorskip("jupyterlite_pyodide_kernel.constants", reason=NO_LITE)
pytestmark = pytest.mark.slow
HOME = Path(__file__).parents[2]
LESSONS = sorted(path.name for path in (HOME / "lessons").glob("[0-9]*.ipynb"))
SECONDS = {"04": 120}  # from opening a lesson to its last output; this one trains, and there is no BLAS
PATIENCE = 300_000  # milliseconds; what is too slow is judged when it is done
CDN = "https://cdn.jsdelivr.net/pyodide/"
PROBES = Path(__file__).with_name("probes.js")
RUN_ALL = """async () => {
  await jupyterapp.shell.currentWidget.sessionContext.ready;
  window.is_done = false;
  jupyterapp.commands.execute('notebook:run-all-cells').finally(() => { window.is_done = true; });
}"""
OUTPUTS = """() => Array.from(jupyterapp.shell.currentWidget.content.model.cells)
  .filter((cell) => cell.type === 'code').map((cell) => [cell.executionCount, cell.outputs.toJSON()])"""
RIGHT = "def loss_mask(roles):\n    return ((roles[:, 1:] == 3) | (roles[:, 1:] == 4)) * 1.0\n"
BROKEN = {  # what is written -> what the page says
    "def loss_mask(roles):\n    return roles[:, 1:] >= \n": "This is no Python in line 2: invalid syntax",
    "def loss_mask(roles):\n    return rolls\n": "raises NameError in line 2, `return rolls`: name",
    "while True: pass\n": "Your code is still running after 5 s",
    "1 + 1\n": "Your code defines no loss_mask",
}
IS_SAID = "(said) => document.getElementById('answer').innerText.includes(said)"


@pytest.fixture(scope="module")
def pyodide(browser, tmp_path_factory):
    """A folder with Pyodide and its packages; not fetched where there is no browser for it."""
    if folder := os.environ.get("MINILM_PYODIDE"):
        return Path(folder)
    folder = tmp_path_factory.mktemp("pyodide")
    try:
        pyodide_folder.make_folder(folder)
    except subprocess.CalledProcessError as error:
        pytest.skip(f"needs Pyodide from the package index: {error.stderr.decode()[-300:]}")
    return folder


@contextlib.contextmanager
def serve(folder):
    """Serve a folder on this machine; gives its address."""
    handler = functools.partial(QuietHandler, directory=folder)
    with QuietServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


class QuietServer(http.server.ThreadingHTTPServer):
    def handle_error(self, *_):  # a page that is closed reads no further
        pass


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def address(pyodide, tmp_path_factory):
    """The address of the self-contained site, which does not stand at the server's root."""
    root = tmp_path_factory.mktemp("root")
    site.build_site(root / "course", pyodide)
    with serve(root) as url:
        yield f"{url}course/"


@pytest.fixture(scope="module")
def context(browser):
    """One context for all pages that need no other, so that Python is compiled once."""
    context = browser.new_context()
    context.set_default_timeout(PATIENCE)
    yield context
    context.close()


@pytest.fixture
def page(context):
    """A new page that lists in `page.foreign` the requests to other machines."""
    page = context.new_page()
    page.bring_to_front()  # the system gives a page behind others less of the processor
    page.foreign = []
    page.on("request", lambda request: page.foreign.append(request.url) if is_foreign(request.url) else None)
    yield page
    page.close()


def is_foreign(url):
    return not url.startswith(("http://127.0.0.1:", "data:", "blob:"))


def judge_time(name, seconds, limit):
    """Print a row of a table; fail above the limit, which grows where processes wait for a core."""
    crowd = max(1.0, psutil.getloadavg()[0] / psutil.cpu_count())
    print(f"| {name} | {seconds:.1f} s | {crowd:.1f} processes a core |")
    assert seconds <= limit * crowd


def find_errors(cells):
    """What went wrong in the cells of a lesson: outputs that are errors, and cells that did not run."""
    outputs = [output for _, outputs in cells for output in outputs if output["output_type"] == "error"]
    return outputs + ["a cell did not run" for count, _ in cells if not count]


def run_lesson(page, address, name):
    """Open a lesson and run all of its cells; returns (seconds, [execution count, outputs])."""
    start = time.monotonic()
    page.goto(f"{address}lite/notebooks/index.html?path={name}")
    page.wait_for_function("window.jupyterapp?.shell?.currentWidget?.content?.model?.cells?.length > 0")
    page.evaluate(RUN_ALL)
    page.wait_for_function("is_done")
    return time.monotonic() - start, page.evaluate(OUTPUTS)


@pytest.mark.parametrize("name", LESSONS)
def test_a_lesson_runs_to_its_end_and_asks_nothing_from_elsewhere(page, address, name):
    seconds, cells = run_lesson(page, address, name)
    assert find_errors(cells) == [] and page.foreign == []
    judge_time(name, seconds, SECONDS.get(name[:2], 60))


def give_answer(page, answer, said):
    """Write an answer, and wait until the page says what it should."""
    page.fill("#code", answer)
    page.click("#check")
    page.wait_for_function(IS_SAID, arg=said)


def time_first_answer(page, address):
    """Open the exercise and answer it; returns the seconds from the beginning."""
    start = time.monotonic()
    page.goto(f"{address}exercise.html")
    page.wait_for_selector("#check:enabled")
    give_answer(page, RIGHT, "passed. ")
    return time.monotonic() - start


def test_the_exercise_answers_right_wrong_and_broken_code(page, address):
    seconds = [time_first_answer(page, address) for _ in range(2)]
    judge_time("the exercise's first answer", min(seconds), 10)  # the fastest: the machine may be busy
    for answer, said in {RIGHT: "passed. ", RIGHT.replace("1:", ":-1"): "wrong. ", **BROKEN}.items():
        give_answer(page, answer, said)
        if answer not in BROKEN:  # what minilm says here, it says there
            message = source.check_source("loss_mask", answer).message
            assert message.split() == page.inner_text("#answer").partition(said)[2].split()
    for stage in (1, 2):
        page.click("#hint")
        assert page.inner_text("#answer").split() == str(exercises.hint("loss_mask", stage)).split()
    assert page.foreign == []


def test_the_start_page_lists_all_lessons_and_its_links_work(page, address):
    page.goto(address)
    links = page.eval_on_selector_all("a", "links => links.map((link) => link.href)")
    assert len(links) == 3 + 2 * (len(LESSONS) + 1)
    for link in links:
        opened = page.request.get(link)
        assert opened.ok and len(opened.body()) > 500, link
        if "?path=" in link:
            path = link.partition("?path=")[2]
            assert page.request.get(f"{address}lite/files/{path}").json()["cells"]
    page.click("text=Open the explorer")
    page.wait_for_selector("#map")
    assert page.foreign == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["index.html", "exercise.html"])
def test_pages_have_contrast_and_fit_in_both_themes(browser, address, scheme, name):
    with contextlib.closing(
        browser.new_page(color_scheme=scheme, viewport={"width": 420, "height": 900})
    ) as page:
        page.goto(f"{address}{name}")
        page.add_script_tag(path=PROBES)
        assert page.evaluate("find_low_contrast()") == []
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
        is_dark = page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(20, 20, 20)"
        assert is_dark == (scheme == "dark")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_lessons_follow_the_theme_of_the_system(browser, address, scheme):
    with contextlib.closing(browser.new_page(color_scheme=scheme)) as page:
        page.set_default_timeout(PATIENCE)
        page.goto(f"{address}lite/notebooks/index.html?path={LESSONS[0]}")
        page.wait_for_selector(
            f"body[data-jp-theme-light={'true' if scheme == 'light' else 'false'}]", state="attached"
        )


def test_the_published_site_takes_python_from_its_usual_place(browser, pyodide, tmp_path):
    """What is asked from that place is answered from the folder: the real one cannot be reached in a test."""
    site.build_site(tmp_path / "site")
    assert not (tmp_path / "site" / "pyodide").exists()

    def answer(route):
        path = pyodide / route.request.url.rpartition("/")[2]
        route.fulfill(path=path, headers={"Access-Control-Allow-Origin": "*"})

    with contextlib.closing(browser.new_context(service_workers="block")) as context, serve(tmp_path) as url:
        asked = []
        context.on("request", lambda request: asked.append(request.url))
        context.route(f"{CDN}**", answer)
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        page.goto(f"{url}site/exercise.html")
        page.wait_for_selector("#check:enabled")
        assert f"{CDN}v{constants.PYODIDE_VERSION}/full/pyodide.mjs" in asked
        _, cells = run_lesson(page, f"{url}site/", LESSONS[0])
        assert find_errors(cells) == []
        assert [url for url in asked if is_foreign(url) and not url.startswith(CDN)] == []
