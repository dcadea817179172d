"""Against PyTorch's autograd and AdamW; skipped where torch is not installed."""

import numpy as np
import pytest

from minilm import data, model, optim, tree

torch = pytest.importorskip("torch", reason="torch is not installed: the comparison with PyTorch is skipped")


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-13), (np.float32, 2e-5)])
@pytest.mark.parametrize("full", [False, True], ids=["masked", "full"])
def test_loss_and_every_gradient(case, dtype, tolerance, full):
    import torch_gpt

    params, batch, config = case
    params = tree.map_arrays(lambda a: (0.5 * a).astype(dtype), params)
    mask = np.ones(batch.ids.shape) if full else np.array([[0, 0, 0, 1, 1], [0, 1, 1, 1, 0], [0, 0, 1, 0, 0]])
    loss, grads = model.loss_and_grads(params, batch.ids, batch.targets, mask, config)
    peer = torch_gpt.tensors(params)
    peer_loss = torch_gpt.masked_loss(peer, batch.ids, batch.targets, mask, config)
    peer_loss.backward()
    assert loss == pytest.approx(peer_loss.item(), rel=tolerance)
    for (name, grad), (_, tensor) in zip(tree.named(grads), tree.named(peer), strict=True):
        theirs = tensor.grad.numpy()
        assert np.abs(grad - theirs).max() <= tolerance * max(np.abs(theirs).max(), 1e-3), name


def test_adamw_with_decay(rng):
    vector = rng.normal(size=20)
    tensor = torch.tensor(vector.copy(), requires_grad=True)
    peer = torch.optim.AdamW([tensor], lr=0.01, betas=(0.9, 0.95), weight_decay=0.1)
    state = optim.init(vector)
    for _ in range(7):
        gradient = rng.normal(size=20)
        tensor.grad = torch.tensor(gradient.copy())
        optim.adamw(vector, gradient, state, lr=0.01, weight_decay=0.1)
        peer.step()
        np.testing.assert_allclose(vector, tensor.detach().numpy(), atol=1e-7)


def test_float_weights_against_a_weighted_sum(case):
    import torch_gpt

    params, batch, config = case
    weights = data.loss_mask(np.array([[2, 2, 2, 3, 4], [2, 3, 3, 4, 0], [2, 2, 4, 0, 0]]), 0.1)
    _, grads = model.loss_and_grads(params, batch.ids, batch.targets, weights, config)
    peer = torch_gpt.tensors(params)
    logits = torch_gpt.forward(peer, torch.tensor(batch.ids), config)
    nll = torch.nn.functional.cross_entropy(
        logits.flatten(0, 1), torch.tensor(batch.targets).flatten(), reduction="none"
    )
    w = torch.tensor(weights).flatten()
    ((w * nll).sum() / w.sum()).backward()
    for (name, grad), (_, tensor) in zip(tree.named(grads), tree.named(peer), strict=True):
        np.testing.assert_allclose(grad, tensor.grad, atol=1e-11, err_msg=name)
