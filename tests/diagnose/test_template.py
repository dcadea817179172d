"""What stands around the parts: tails, roles and loss weights as meant, by hand."""

import numpy as np

from minilm.diagnose import examples, meant, template
from minilm.diagnose.locate import Document

P, H, R, S, T = examples.TEMPLATE, examples.HEADER, examples.RESPONSE, examples.STOP, examples.TAIL


def lay_out_chat(**said):
    """<8> 20 21 <2 4> <8 9> 30 <2 4>: header 8 before all, 9 is the assistant's, 2 4 ends a turn."""
    tokens = np.array([[8, 20, 21, 2, 4, 8, 9, 30, 2, 4, 0, 0]])
    known = meant.read_meant(0.0, said, list)
    parts = examples.encode_parts(([20, 21], [30]), list, known)
    document = Document(0, [(1, 3, parts[0]), (7, 8, parts[1])])
    frame = template.read_template([[8]], [[2, 4]], [(tokens[0], document)], known)
    return template.lay_out(tokens, [document], frame, known)


def test_roles_and_what_is_free():
    layout = lay_out_chat()
    assert layout.roles[0].tolist() == [P, examples.PROMPT, examples.PROMPT, P, P, H, H, R, S, T, 0, 0]
    assert layout.is_free[0].tolist() == [False] * 5 + [True] * 2 + [False] * 2 + [True] + [False] * 2
    assert layout.meant[0].tolist() == [0.0] * 7 + [1.0, 1.0] + [0.0] * 3


def test_a_generation_prompt_that_is_said_is_dark_and_what_follows_it_is_the_answers():
    layout = lay_out_chat(generation_prompt=[8])
    assert not layout.is_free[0, 5:7].any() and layout.meant[0, 5:7].tolist() == [0.0, 1.0]
    layout = lay_out_chat(generation_prompt=[8, 9, 30])
    assert layout.is_free[0, 7] and layout.meant[0, 5:7].tolist() == [0.0, 0.0]


def test_template_tokens_may_have_a_weight_that_is_said():
    layout = lay_out_chat(template_weight=1.0)
    assert not layout.is_free.any() and layout.meant[0, [5, 6, 9]].tolist() == [1.0] * 3
