"""The strip: what it says of one row, on the terminal and as a picture."""

import pytest

from minilm.figures import report, strip


@pytest.fixture
def told():
    """A row of two prompt tokens and two answer tokens, as three models expect it."""

    def reading(probs, guesses):
        return {"probs": probs, "guesses": guesses, "guess_probs": [0.9] * 4}

    models = {
        "base": reading([0.1, 0.9, 0.0, 0.0], ["the", "is", "the", "the"]),
        "0": reading([0.0, 0.1, 0.9, 1.0], ["<eos>", "<eos>", "4", "<eos>"]),
        "0.1": reading([1.0, 0.8, 0.7, 1.0], ["User:", "is", "4", "<eos>"]),
        "1": reading([1.0, 0.7, 0.6, 1.0], ["User:", "is", "4", "<eos>"]),
    }
    row = {"tokens": ["User:", "is", "4", "<eos>"], "is_answer": [False, False, True, True]}
    settings = {"steps": 9, "lr": 2e-3}
    return {"strip": {**row, "models": models}, "seeds": [3], "settings": settings}


def test_the_caption_says_who_expects_what(told):
    caption = strip.caption(told)
    assert caption.startswith(f"{strip.SAME}: both models know the answer, only one expects the question.")
    assert "prompt token: masked 0.05, full 0.85; of an answer token: masked 0.95, full 0.80" in caption
    assert "likeliest token is `<eos>` at 2 of 2 prompt tokens" in caption and "seed 3, 9 steps" in caption


def test_nothing_is_claimed_that_the_numbers_do_not_show(told):
    told["strip"]["models"]["0"]["probs"] = [1.0, 1.0, 0.9, 1.0]
    assert strip.caption(told).startswith(f"{strip.SAME}: what each model expects of the same row.")


def test_the_terminal_needs_no_colour(told):
    head, *lines = report.format_strip(told).split("\n")
    assert head.split() == ["base", "masked", "full"]
    assert lines[0].split() == ["User:", ".....", "0.10", "the", ".....", "0.00", "<eos>", "#####", "1.00"]
    assert lines[2].split()[-2:] == ["<-", "answer"] and "answer" not in lines[1]
    assert len({line.index("0.") for line in lines[1:3]}) == 1  # columns


def test_the_picture_has_a_cell_for_every_token_and_model(told):
    (axes,) = strip.draw(told).axes
    assert len(axes.patches) == 3 * 4
    shades = [patch.get_facecolor()[3] for patch in axes.patches[4:8]]
    assert shades == pytest.approx([0.0, 0.1, 0.9, 1.0])
    texts = [text.get_text() for text in axes.texts]
    assert texts.count("<eos>") == 2 + 1  # the masked model's own choice, and the row's last token
