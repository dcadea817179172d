"""Who shifts? The same example for minilm, for transformers, and with labels that are shifted twice."""

from ... import chat, data
from ... import tokenizer as tokenizers
from .. import plots

RIGHT, WRONG, QUIET = plots.BLUE, plots.ORANGE, "0.55"
IGNORED = "-100"
ALT = (
    "Three panels, each with the tokens <bos> 2 + 2 ? newline 4 <eos> at the bottom. First, minilm's "
    "targets: each stands above the position that predicts it. Arrows go straight up, from newline to 4 and "
    "from 4 to <eos>; the other targets are grey, their loss weight is 0. Second, the labels that "
    "transformers takes: each stands above its own token, -100 over the prompt. Arrows go up and one to the "
    "right, again from newline to 4 and from 4 to <eos>. Third, labels that the data has shifted already: "
    "arrows still go one to the right, and so lead from ? to 4 and from newline to <eos>."
)


def make_lines():
    """The tokens of an example as texts; (text, has loss) of minilm's targets, labels, shifted labels."""
    example = data.Example(chat.end_prompt("2+2?", "char"), "4")
    tokenizer = tokenizers.build("char", list(example))
    row = data.encode(example, tokenizer)
    loss_mask = data.collate([row]).loss_mask[0]
    tokens = [tokenizer.show(token) for token in row.tokens]
    targets = [(token, bool(weight)) for token, weight in zip(tokens[1:], loss_mask, strict=True)]
    labels = [(token if has_loss else IGNORED, has_loss) for token, has_loss in targets]
    return tokens, targets, [(IGNORED, False), *labels], [*labels, (IGNORED, False)]


def draw():
    """Three panels, one below the other."""
    tokens, targets, labels, shifted = make_lines()
    figure = plots.new_figure(9, 5.8)
    figure.get_layout_engine().set(hspace=0.12)
    panels = figure.subplots(3)
    draw_panel(panels[0], "minilm: targets, shifted once, by collate", tokens, targets, 0, RIGHT)
    draw_panel(panels[1], "transformers: labels, not shifted; its loss shifts", tokens, labels, 1, RIGHT)
    draw_panel(panels[2], "shifted twice: by the data, and by the loss", tokens, shifted, 1, WRONG)
    return figure


def draw_panel(axes, title, tokens, scored, shift, colour):
    """What is read below, what it is scored on above: position t is scored on scored[t + shift]."""
    style = {"ha": "center", "va": "center", "fontsize": plots.FONT}
    axes.set_title(title, fontsize=plots.FONT, loc="left")
    for t, token in enumerate(tokens):
        axes.text(t, 0, token, **style)
    for t, (text, has_loss) in enumerate(scored):
        if not has_loss:
            axes.text(t, 1, text, color=QUIET, **style)
            continue
        axes.text(t, 1, text, color=colour, weight="bold", **style)
        plots.draw_arrow(axes, (t - 0.85 * shift, 0.22), (t - 0.15 * shift, 0.78), color=colour)
    axes.set(xlim=(-0.6, len(tokens) - 0.4), ylim=(-0.3, 1.3))
    axes.set_axis_off()
