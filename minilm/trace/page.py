"""A trace as a page: one file with its script, style and numbers, which asks for nothing from outside.

page.html is the frame, page.css the style. The script is in SCRIPTS, in this order. In a
notebook the same page stands in a frame. Where scripts are taken away, a still picture is shown.
"""

import base64
import html
import json
import string
from pathlib import Path

from . import page_data, picture

HERE = Path(__file__).parent
SCRIPTS = ("sums.js", "arithmetic.js", "state.js", "map.js", "words.js", "cell.js", "page.js")


def render_page(trace, source=None):
    """The whole document; `source` as in page_data.make_page_data. The same trace gives the same bytes."""
    return fill_frame(trace, source, render_picture(trace), page_data.load_training())


def fill_frame(trace, source, still, training=None):
    """page.html with its parts, `still` the picture for places without scripts."""
    numbers = {**page_data.make_page_data(trace, source), "training": training}
    text = json.dumps(numbers, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    parts = {
        "title": html.escape("The loss mask: " + " ".join([*trace.inputs, trace.targets[-1]])),
        "picture": still,
        "data": text,
        "style": read_part("page.css"),
        "script": "\n".join(map(read_part, SCRIPTS)),
    }
    return string.Template(read_part("page.html")).substitute(parts)


def read_part(name):
    """The text of a file beside this one."""
    return (HERE / name).read_text(encoding="utf-8")


def render_picture(trace):
    """The still picture, masked beside full, as an <img> with its alternative text."""
    png, alt = picture.draw_still(trace)
    source = base64.b64encode(png).decode("ascii")
    return f'<img alt="{html.escape(alt)}" src="data:image/png;base64,{source}">'


def render_output(trace):
    """The output of a notebook's cell: the page in a frame, or its still picture.

    A notebook that is not trusted takes the frame and the style away, and the picture is left.
    """
    still = render_picture(trace)
    page = fill_frame(trace, None, still="").replace("&", "&amp;").replace("'", "&#39;")  # few of them
    return (
        "<div><style>.minilm-still { display:none }</style>\n"
        f'<div class="minilm-still">{still}</div>\n'
        '<iframe title="The loss mask, step by step" sandbox="allow-scripts" width="100%" height="960" '
        f"style=\"border:0\" srcdoc='{page}'></iframe></div>\n"
    )
