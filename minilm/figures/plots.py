"""How all figures are drawn: colours, axes, lines with bands over seeds, names at their ends, PNG.

Colours and line styles mean the same in every figure: masked blue solid, weight 0.1 green
dash-dotted, full orange dashed.
"""

import io
import itertools

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image  # comes with matplotlib
from PIL.PngImagePlugin import PngInfo

from .. import files

GREY, PURPLE, BLUE, ORANGE = "0.35", "#CC79A7", "#0072B2", "#D55E00"
STYLE = {
    "0": {"color": BLUE, "linestyle": "-", "label": "masked"},
    "0.1": {"color": "#009E73", "linestyle": "-.", "label": "weight 0.1"},
    "1": {"color": ORANGE, "linestyle": "--", "label": "full"},
}
TICKS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50)
FONT = 12


def choose_style(weight):
    """Colour, line and label of a prompt-loss weight given as text; all in-between ones look alike."""
    return STYLE.get(weight) or {**STYLE["0.1"], "label": f"weight {weight}"}


def new_figure(width, height):
    """A figure that needs no display."""
    return Figure(figsize=(width, height), layout="constrained")


def label_panel(axes, title, x, y):
    """Title and axis labels of one panel, in one size, without a box."""
    axes.set_title(title, fontsize=FONT + 1)
    axes.set_xlabel(x, fontsize=FONT)
    axes.set_ylabel(y, fontsize=FONT)
    axes.tick_params(labelsize=FONT - 1)
    axes.spines[["top", "right"]].set_visible(False)


def shade_cell(axes, x, y, colour, share):
    """A square cell around (x, y), the darker the larger the share, from 0 to 1."""
    place, box = (x - 0.47, y - 0.42), {"facecolor": (colour, share), "edgecolor": "0.7", "linewidth": 0.8}
    axes.add_patch(Rectangle(place, 0.94, 0.84, **box))


def draw_arrow(axes, start, end, zorder=3, **style):
    """An arrow from one place (x, y) to another."""
    style = {"arrowstyle": "-|>", "shrinkA": 0, "shrinkB": 0, **style}
    axes.annotate("", end, start, arrowprops=style, zorder=zorder)


def set_ticks(axes, places, names):
    """Ticks at the points that were measured, and nowhere else."""
    axes.set_xticks(places, names)
    axes.set_xticks([], minor=True)


def use_log_axis(axes):
    """A logarithmic y axis with few, plainly written ticks and some room around the data."""
    low, high = axes.dataLim.intervaly
    if low <= 0:  # of a band whose lower edge lies below 0, only the upper part is shown
        low = min(min(line.get_ydata()) for line in axes.lines)
    if low <= 0:  # a prompt known by heart, to the last bit
        return
    axes.set_yscale("log")
    axes.set_ylim(low * 0.75, high * 1.3)
    axes.set_yticks([tick for tick in TICKS if low * 0.75 <= tick <= high * 1.3])
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter(lambda *_: "")


def draw_band(axes, x, numbers, style):
    """Draw one line's mean and ± 1 std over seeds; x (points,), numbers (points, seeds).

    Returns its last point, for label_ends.
    """
    numbers = np.array(numbers)
    mean = numbers.mean(axis=1)
    axes.plot(x, mean, linewidth=2, **{"marker": "o" if len(x) == 1 else None, **style})
    if numbers.shape[1] > 1:
        spread = numbers.std(axis=1, ddof=1)
        axes.fill_between(x, mean - spread, mean + spread, color=style["color"], alpha=0.15, lw=0)
    return x[-1], mean[-1]


def draw_lines(axes, x, table, styles=STYLE, marker="o"):
    """Every line of {line: numbers (points, seeds)} with its band; returns their last points."""
    return {
        line: draw_band(axes, x, numbers, {**styles[line], "marker": marker, "markersize": 5})
        for line, numbers in table.items()
    }


def label_all(figure, ends, styles=STYLE):
    """Names at the lines' ends; ends is a list of (axes, {line: last point})."""
    figure.draw_without_rendering()  # settles the layout that the labels are placed in
    for axes, last_points in ends:
        label_ends(axes, last_points, styles)


def label_ends(axes, ends, styles=STYLE):
    """Write each line's name at its right end, moved apart where two would overlap.

    ends: {line: last point} in data coordinates, after the layout is settled.
    """
    places = axes.transData.transform([ends[line] for line in ends])  # pixels
    heights = space_out(places[:, 1], axes.bbox.y1)
    for line, (x, _), y in zip(ends, places, heights, strict=True):
        place = axes.transData.inverted().transform((x + 8, y))
        style = styles[line]
        axes.text(*place, style["label"], color=style["color"], va="center", fontsize=FONT, clip_on=False)


def space_out(heights, top, gap=17):
    """Heights of labels, in pixels: as given, but at least `gap` apart and none above `top`."""
    order = np.argsort(heights, kind="stable")
    moved = np.array(heights, dtype=float)
    for below, above in itertools.pairwise(order):
        moved[above] = max(moved[above], moved[below] + gap)
    for k, i in enumerate(order[::-1]):
        moved[i] = min(moved[i], top - k * gap)
    return moved


def encode_png(figure, alt, dpi=110):
    """The bytes of a PNG whose metadata holds the alternative text.

    Colours are rounded to multiples of 5 of 255, which nobody sees. Where 256 are left or fewer, a pixel
    is stored as the number of its colour, which makes the file much smaller.
    """
    figure.set_dpi(dpi)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    pixels = np.round(np.asarray(canvas.buffer_rgba())[..., :3] / 5) * 5
    picture = use_palette(pixels.astype(np.uint8))
    texts, buffer = PngInfo(), io.BytesIO()
    texts.add_text("Description", alt)
    picture.save(buffer, "PNG", pnginfo=texts, dpi=(dpi, dpi), optimize=True)
    return buffer.getvalue()


def use_palette(pixels):
    """The image of pixels (height, width, 3), with a palette if it has at most 256 colours."""
    numbers = pixels @ np.array([1 << 16, 1 << 8, 1])
    colours, places = np.unique(numbers, return_inverse=True)
    if len(colours) > 256:
        return Image.fromarray(pixels)
    image = Image.fromarray(places.reshape(numbers.shape).astype(np.uint8), "P")
    palette = np.stack([colours >> 16, colours >> 8 & 255, colours & 255], axis=-1)
    image.putpalette(palette.ravel().tolist())
    return image


def save(figure, path, alt):
    """Write the figure as a PNG; whole or not at all."""
    png = encode_png(figure, alt)
    with files.atomic.replace_file(path) as file:
        file.write(png)
