"""The page as a document: whole, self-contained, harmless, and with a picture where no script runs."""

import html.parser
import json
import re

import pytest
from traces import make_trace

VOID = {"meta", "input", "hr", "br", "img"}
NASTY = '<script>alert(1)</script> "quotes" \' &amp; שלום ${x} </noscript>'


class Page(html.parser.HTMLParser):
    """Every tag with its attributes, and what is closed wrongly."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.tags, self.open, self.wrong, self.scripts = [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append((tag, self.getpos()))

    def handle_data(self, text):
        if self.open and self.open[-1] == "script":
            self.scripts.append(text)


@pytest.fixture(scope="module")
def text(question):
    return question.html()


def test_page_is_whole_and_self_contained(text):
    page = Page(text)
    assert page.wrong == [] and page.open == []
    tags = {tag for tag, _ in page.tags}
    assert not tags & {"link", "iframe", "object", "form", "base"}
    assert not [attrs for tag, attrs in page.tags if tag == "script" and "src" in attrs]
    outside = re.findall(r"https?://[^\"' ]*|url\([^)]*|@import|javascript:", text)
    assert set(outside) == {"http://www.w3.org/2000/svg"}  # a name, which nothing fetches
    assert not [name for _, attrs in page.tags for name in attrs if name.startswith("on")]
    assert len(text.encode()) < 1_000_000


def test_without_script_there_is_a_picture_with_its_text(text):
    within = re.search(r"<noscript>(.*?)</noscript>", text, re.DOTALL)[1]
    (image,) = [attrs for tag, attrs in Page(within).tags if tag == "img"]
    assert image["src"].startswith("data:image/png;base64,") and "exactly 0 at 5 of 7 scores" in image["alt"]


def test_the_same_trace_gives_the_same_bytes(question, text):
    assert question.html() == text


def test_markup_in_an_example_stays_text():
    traced = make_trace(NASTY, "</title> <b>é")
    page = Page(traced.html())
    assert page.wrong == [] and page.open == [] and "b" not in {tag for tag, _ in page.tags[:8]}
    assert sum(tag == "script" for tag, _ in page.tags) == 2
    assert json.loads(page.scripts[0])["inputs"] == traced.inputs


def test_output_of_a_notebook_is_a_frame_with_a_picture_to_fall_back_on(question, text):
    output = question._repr_html_()
    page = Page(output)
    assert page.wrong == [] and page.open == []
    (frame,) = [attrs for tag, attrs in page.tags if tag == "iframe"]
    without_picture = re.sub(r"(<noscript>.*?)<img[^>]*>", r"\1", text, flags=re.DOTALL)
    without_training = re.sub(r'"training":\{.*?\}(?=</script>)', '"training":null}', without_picture)
    assert frame["srcdoc"] == without_training and frame["sandbox"] == "allow-scripts"
    (image,) = [attrs for tag, attrs in page.tags if tag == "img"]
    assert image["alt"]  # shown once <style> is taken away, as notebooks do that are not trusted
    assert "minilm-still { display:none }" in output
    assert len(json.dumps(output)) < 380_000  # two lessons store it
