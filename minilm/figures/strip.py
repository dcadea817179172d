"""What two fine-tuned models think of a user's words: the probability of every token of one row."""

from . import guesses, statistics, tasks

ALT = (
    "Three strips of one held-out row, a cell for every token of prompt and answer: for the "
    "base model, after masked fine-tuning, and after full-sequence fine-tuning. A cell's shade is the "
    "probability that the model gave to the token; below it stands the model's likeliest token."
)
SAME = "Same start, same data, one array differs"
SHOWN = ("base", "0", "1")
TITLES = {"base": "base model", "0": "fine-tuned, masked loss", "1": "fine-tuned, full-sequence loss"}


def compute(seeds, workers=0, report=None, steps=None, quick=False):
    """The main job's comparison with its first seed alone: the strip shows one base and what became of it."""
    task = tasks.make_zoo_task(steps or (100 if quick else tasks.TUNING_STEPS))
    return tasks.compare(task, list(seeds)[:1], 0, report)


def caption(result):
    """Which model expects the user's words, then both models' numbers."""
    strip = result["strip"]
    masked, full = (measure_parts(strip, name) for name in ("0", "1"))
    return (
        f"{choose_takeaway(masked, full)} Mean probability of a prompt token: masked {masked[0]:.2f}, full "
        f"{full[0]:.2f}; of an answer token: masked {masked[1]:.2f}, full {full[1]:.2f}. The masked model's "
        f"likeliest token is {describe_guesses(strip)}. One held-out row, seed {result['seeds'][0]}, "
        f"{result['settings']['steps']} steps of fine-tuning from one base model."
    )


def choose_takeaway(masked, full):
    """Same start, same data: what the one array changed in this row, as far as the numbers say it."""
    if masked[0] < full[0] and min(masked[1], full[1]) > 0.5:
        return f"{SAME}: both models know the answer, only one expects the question."
    return f"{SAME}: what each model expects of the same row."


def measure_parts(strip, name):
    """(mean probability of the prompt's tokens, of the answer's)."""
    pairs = list(zip(strip["is_answer"], strip["models"][name]["probs"], strict=True))
    return tuple(
        statistics.average([p for is_answer, p in pairs if is_answer == part]) for part in (False, True)
    )


def describe_guesses(strip):
    """The masked model's most frequent guess at the prompt's positions, counted."""
    pairs = zip(strip["models"]["0"]["guesses"], strip["is_answer"], strict=True)
    chosen = [guess for guess, is_answer in pairs if not is_answer]
    most = max(chosen, key=chosen.count)
    return f"`{most}` at {chosen.count(most)} of {len(chosen)} prompt tokens"


def draw(result):
    """A strip for each model, one below the other."""
    from . import plots  # matplotlib, only where something is drawn

    strip = result["strip"]
    tokens, is_answer = strip["tokens"], strip["is_answer"]
    figure = plots.new_figure(12.5, 3.6)
    axes = figure.subplots()
    for row, name in enumerate(SHOWN):
        draw_strip(axes, -1.5 * row, strip["models"][name], is_answer)
        axes.text(-0.7, -1.5 * row, TITLES[name], ha="right", va="center", fontsize=plots.FONT)
    for t, (token, answer) in enumerate(zip(tokens, is_answer, strict=True)):
        axes.text(
            t,
            0.75,
            token,
            ha="left",
            va="bottom",
            rotation=40,
            fontsize=plots.FONT,
            weight="bold" if answer else None,
        )
    axes.set_xlim(-6.2, len(tokens))
    axes.set_ylim(-1.5 * len(SHOWN) + 0.5, 2.6)
    axes.set_axis_off()
    return figure


def draw_strip(axes, y, reading, is_answer):
    """One model's cells: shade and number are the token's probability; below, the model's own choice."""
    from . import plots

    for t, (prob, guess) in enumerate(zip(reading["probs"], reading["guesses"], strict=True)):
        colour = plots.STYLE["0"]["color"] if is_answer[t] else plots.STYLE["1"]["color"]
        plots.shade_cell(axes, t, y, colour, prob)
        axes.text(
            t,
            y,
            f"{prob:.2f}",
            ha="center",
            va="center",
            fontsize=plots.FONT - 1,
            color="white" if prob > 0.6 else "black",
        )
        if prob < guesses.UNEXPECTED:
            axes.text(t, y - 0.62, guess, ha="center", va="center", fontsize=plots.FONT - 3, color=plots.GREY)
