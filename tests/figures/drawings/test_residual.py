"""The drawing of the residual stream: the input at the bottom, the forward up, the gradient down."""

from minilm.figures.drawings import residual


def test_the_forward_s_arrows_go_up_and_the_gradient_s_come_down_the_same_ways():
    (axes,) = residual.draw().axes
    heights = {text.get_text(): text.get_position()[1] for text in axes.texts}
    names = ["x", "ln_2", "c_fc", "gelu", "c_proj", "y = x + h"]
    assert sorted(names, key=heights.get) == names and all(name in residual.ALT for name in names[:5])
    arrows = {residual.UP: [], residual.DOWN: []}
    for text in axes.texts:
        if getattr(text, "arrowprops", None):
            arrows[text.arrowprops["color"]].append(
                text.xy[1] - text.xyann[1]
            )  # where it ends, minus its start
    up, down = arrows.values()
    assert len(up) == len(down) > 8 and min(up) >= 0 >= max(down) and any(up) and any(down)
