"""A trace as HTML: no script, no link, no network. Radio buttons and CSS do the stepping.

Every selector begins with the wrapper's class, so that no style leaks into the page around it.
Without CSS all steps stand one after the other, and every cell still prints its sign.
"""

import html
import math

from . import css, panels, view

CHOOSE = "Steps: choose one"
CHOOSE_BY_KEYS = CHOOSE + "; with the keyboard, Tab to the steps and use the arrow keys"


def render_page(trace):
    """A whole document. The same trace gives the same bytes."""
    tokens = " ".join([*trace.inputs, trace.targets[-1]])
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(f'{view.TITLE}: {tokens}')}</title>\n"
        f"<style>body{{margin:0;background:#fff}}\n{css.build_sheet()}</style>\n</head>\n<body>\n"
        f"<main>\n{render_body(trace, 'step', 1, CHOOSE_BY_KEYS)}</main>\n</body>\n</html>\n"
    )


def render_fragment(trace, uid):
    """The same for a notebook's output cell: a <div> with its own style; ids begin with `uid`.

    It does not mention the keyboard, since a notebook keeps the arrow keys for itself.
    """
    return f"<div>\n<style>{css.build_sheet()}</style>\n{render_body(trace, uid, 2, CHOOSE)}</div>\n"


def render_body(trace, uid, top, legend):
    """Title, and one radio button, label and section for every step. Headings begin at h`top`."""
    steps = view.list_steps(trace)
    paragraphs = "".join(f"<p>{escape(line)}</p>\n" for line in view.write_introduction(trace))
    parts = []
    for n, step in enumerate(steps):
        if n == 0 or step.phase != steps[n - 1].phase:
            parts.append(f'<hr>\n<h{top + 1} class="phase">{escape(step.phase)}</h{top + 1}>\n')
        name, checked = escape(f"{n + 1} {step.title}"), " checked" if n == 0 else ""
        parts.append(
            f'<input type="radio" name="{uid}" id="{uid}-{n}" aria-label="{name}"{checked}>'
            f'<label class="tab" for="{uid}-{n}"><b>{n + 1}</b><span> {escape(step.title)}</span></label>\n'
            + render_section(steps, n, uid, top + 2)
        )
    return (
        f'<div class="minilm-trace" lang="en">\n<h{top}>{escape(view.TITLE)}</h{top}>\n{paragraphs}'
        f"<fieldset>\n<legend>{legend}</legend>\n{''.join(parts)}"
        "</fieldset>\n</div>\n"
    )


def render_section(steps, n, uid, level):
    """One step: title, links to its neighbours, formula, what to notice, tables."""
    step = steps[n]
    links = []
    if n > 0:
        links.append(f'<label for="{uid}-{n - 1}">{escape(f"← {n} {steps[n - 1].title}")}</label>')
    if n + 1 < len(steps):
        links.append(f'<label for="{uid}-{n + 1}">{escape(f"{n + 2} {steps[n + 1].title} →")}</label>')
    return (
        f'<section>\n<p class="go">{" ".join(links)}</p>\n'
        f"<h{level}>{n + 1}. {escape(step.phase)}: {escape(step.title)}</h{level}>\n"
        f'<p class="formula"><code>{escape(step.formula)}</code></p>\n'
        f'<p class="notice">{escape(step.notice)}</p>\n'
        f"{''.join(map(render_group, step.groups))}</section>\n"
    )


def render_group(group):
    """An array's name, shape and colour limits, and its tables beside each other."""
    scale = ""
    if group.limit is not None and group.limit > 0:
        low = f"-{group.limit:.3g}" if group.signed else "0"
        shared = "one colour scale" if len(group.panels) > 1 else "colour scale"
        scale = f"; {shared} {low} to +{group.limit:.3g}"
    # Each head has a line of tables, so that its losses stand beside each other.
    is_of_a_loss = group.panels[0].weight is not None
    size = len({panel.weight for panel in group.panels}) if is_of_a_loss else len(group.panels)
    tables = ""
    for first in range(0, len(group.panels), size):
        line = "".join(render_table(panel, group) for panel in group.panels[first : first + size])
        tables += f'<div class="panels">\n{line}</div>\n'
    return f'<p class="array"><code>{escape(group.name)}</code> {escape(group.shape + scale)}</p>\n{tables}'


def render_table(panel, group):
    """One table in a box of its own that scrolls, so that the page does not."""
    classes = ["box"]
    if panel.weight is not None:
        classes.append({0: "masked", 1: "full"}.get(panel.weight, "weighted"))
    if len(panel.columns) < 5:
        classes.append("few")
    if isinstance(panel.cells[0][0], str):
        classes.append("words")
    scrolls = ' tabindex="0"' if len(panel.columns) > 8 else ""
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in [panel.corner, *panel.columns])
    lines = []
    for name, cells in zip(panel.rows, panel.cells, strict=True):
        begins_with_norm = panel.columns[0] == "row norm"
        row = "".join(render_cell(x, group, begins_with_norm and k == 0) for k, x in enumerate(cells))
        lines.append(f'<tr><th scope="row">{escape(name)}</th>{row}</tr>\n')
    return (
        f'<div class="{" ".join(classes)}"{scrolls}><table><caption>{escape(panel.caption)}</caption>\n'
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{''.join(lines)}</tbody></table></div>\n"
    )


def render_cell(value, group, is_norm=False):
    """One <td> of a group; a norm has no colour."""
    colour = choose_colour(value, None if is_norm else group.limit, group.signed)
    text = escape(panels.format_number(value))
    return f'<td class="{colour}">{text}</td>' if colour else f"<td>{text}</td>"


def choose_colour(value, limit, signed):
    """The class of a cell: t text, z exact zero, p and n signed, s from 0 up, 1 to 8; "" for none."""
    if isinstance(value, str):
        return "t"
    if value == 0:
        return "z"
    if not limit or not math.isfinite(value):
        return ""
    level = min(css.LEVELS, 1 + int(abs(value) / limit * css.LEVELS))
    if not signed:
        return f"s{level}"
    return f"p{level}" if value > 0 else f"n{level}"


def escape(text):
    """Text for an element or an attribute: & < > and both quotes."""
    return html.escape(text, quote=True)
