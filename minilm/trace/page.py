"""A trace as HTML: no script, no link, no network; radio buttons and CSS do the stepping.

Every selector begins with the wrapper's class, so that nothing leaks into the page around it.
Without CSS all steps stand one after the other, and every cell still prints its sign.
"""

import html
import math

from . import css, panels, view

KEYS = "; with the keyboard, Tab to the steps and use the arrow keys"  # which a notebook keeps for itself


def page(trace):
    """A whole document; the same trace gives the same bytes."""
    tokens = " ".join([*trace.inputs, trace.targets[-1]])
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(f'{view.TITLE}: {tokens}')}</title>\n"
        f"<style>body{{margin:0;background:#fff}}\n{css.css()}</style>\n</head>\n<body>\n"
        f"<main>\n{body(trace, 'step', 1)}</main>\n</body>\n</html>\n"
    )


def fragment(trace, uid):
    """The same for a notebook's output cell: a <div> with its own style; ids begin with `uid`."""
    return f"<div>\n<style>{css.css()}</style>\n{body(trace, uid, 2)}</div>\n"


def body(trace, uid, top):
    """Title, and one radio button, label and section for every step; headings begin at h`top`."""
    steps = view.steps(trace)
    paragraphs = "".join(f"<p>{escape(line)}</p>\n" for line in view.introduction(trace))
    parts = []
    for n, step in enumerate(steps):
        if n == 0 or step.phase != steps[n - 1].phase:
            parts.append(f'<hr>\n<h{top + 1} class="phase">{escape(step.phase)}</h{top + 1}>\n')
        name, checked = escape(f"{n + 1} {step.title}"), " checked" * (n == 0)
        parts.append(
            f'<input type="radio" name="{uid}" id="{uid}-{n}" aria-label="{name}"{checked}>'
            f'<label class="tab" for="{uid}-{n}"><b>{n + 1}</b><span> {escape(step.title)}</span></label>\n'
            + section(steps, n, uid, top + 2)
        )
    return (
        f'<div class="minilm-trace" lang="en">\n<h{top}>{escape(view.TITLE)}</h{top}>\n{paragraphs}'
        f"<fieldset>\n<legend>Steps: choose one{KEYS * (top == 1)}</legend>\n{''.join(parts)}"
        "</fieldset>\n</div>\n"
    )


def section(steps, n, uid, level):
    """One step: title, ways back and on, formula, what to notice, tables."""
    step = steps[n]
    ways = [
        f'<label for="{uid}-{k}">{escape(arrow.format(f"{k + 1} {steps[k].title}"))}</label>'
        for k, arrow in ((n - 1, "← {}"), (n + 1, "{} →"))
        if 0 <= k < len(steps)
    ]
    return (
        f'<section>\n<p class="go">{" ".join(ways)}</p>\n'
        f"<h{level}>{n + 1}. {escape(step.phase)}: {escape(step.title)}</h{level}>\n"
        f'<p class="formula"><code>{escape(step.formula)}</code></p>\n'
        f'<p class="notice">{escape(step.notice)}</p>\n'
        f"{''.join(map(group, step.groups))}</section>\n"
    )


def group(g):
    """An array's name, shape and colour limits, and its tables beside each other."""
    scale = ""
    if g.limit is not None and g.limit > 0:
        ends = f"-{g.limit:.3g} to +{g.limit:.3g}" if g.signed else f"0 to +{g.limit:.3g}"
        scale = f"; {'one ' * (len(g.panels) > 1)}colour scale {ends}"
    # One row of tables a head, so that the losses of one head stand beside each other.
    size = len(g.panels) if g.panels[0].weight is None else len({p.weight for p in g.panels})
    lines = [g.panels[i : i + size] for i in range(0, len(g.panels), size)]
    tables = "".join(f'<div class="panels">\n{"".join(table(p, g) for p in line)}</div>\n' for line in lines)
    return f'<p class="array"><code>{escape(g.name)}</code> {escape(g.shape + scale)}</p>\n{tables}'


def table(panel, g):
    """One table in a box of its own that scrolls, so that the page does not."""
    kind = {None: "", 0: " masked", 1: " full"}.get(panel.weight, " weighted")
    kind += " few" * (len(panel.columns) < 5) + " words" * isinstance(panel.cells[0][0], str)
    scrolls = ' tabindex="0"' if len(panel.columns) > 8 else ""
    head = "".join(f'<th scope="col">{escape(c)}</th>' for c in [panel.corner, *panel.columns])
    lines = []
    for name, cells in zip(panel.rows, panel.cells, strict=True):
        norm = panel.columns[0] == "row norm"
        row = "".join(cell(c, g, plain=norm and k == 0) for k, c in enumerate(cells))
        lines.append(f'<tr><th scope="row">{escape(name)}</th>{row}</tr>\n')
    return (
        f'<div class="box{kind}"{scrolls}><table><caption>{escape(panel.caption)}</caption>\n'
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{''.join(lines)}</tbody></table></div>\n"
    )


def cell(value, g, plain=False):
    """One <td>; its class names the colour: z exact zero, p and n signed, s from 0 up, 1 to 8."""
    name = "t" if isinstance(value, str) else "z" if value == 0 else ""
    if not name and g.limit and not plain and math.isfinite(value):
        level = min(css.LEVELS, 1 + int(abs(value) / g.limit * css.LEVELS))
        name = f"{('p' if value > 0 else 'n') if g.signed else 's'}{level}"
    text = escape(panels.number(value))
    return f'<td class="{name}">{text}</td>' if name else f"<td>{text}</td>"


def escape(text):
    """Text for an element or an attribute: & < > and both quotes."""
    return html.escape(text, quote=True)
