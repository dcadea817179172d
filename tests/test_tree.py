"""Trees of arrays: names, vectors, views."""

import numpy as np

from minilm import tree


def test_flat_view_shares_memory_with_its_tree(case):
    params, _, _ = case
    vector, view = tree.flat_view(params)
    np.testing.assert_array_equal(vector, tree.flatten(params))
    vector += 1
    np.testing.assert_array_equal(tree.flatten(view), tree.flatten(params) + 1)


def test_names_lead_to_a_tree_and_back(case):
    params, _, config = case
    named = dict(tree.named(params))
    assert [name for name, _ in tree.named(tree.from_named(named))] == list(named)
    assert {name: array.shape for name, array in named.items()} == dict(tree.shapes(config))
    replaced = dict(tree.named(tree.replace(params, "h.1.ln_2.bias", np.ones(6))))
    assert [name for name in named if replaced[name] is not named[name]] == ["h.1.ln_2.bias"]
    assert tree.count(params) == tree.flatten(params).size
