"""Two toy models. Both give logits (B, T, V) and know positions, documents and places not to be read."""

import numpy as np

V = 64


def see(ids, documents, readable):
    """What each place may read: (B, T, T), its own past in its own document; itself in any case."""
    B, T = ids.shape
    seen = np.broadcast_to(np.tri(T, dtype=bool), (B, T, T))
    if documents is not None:
        seen = seen & (documents[:, :, None] == documents[:, None, :])
    if readable is not None:
        seen = seen & ((readable[:, None, :] > 0) | np.eye(T, dtype=bool))
    return seen


def count_places(ids, positions):
    """The positions as they are handed over, else 0, 1, 2, ..."""
    return np.broadcast_to(np.arange(ids.shape[1]), ids.shape) if positions is None else np.asarray(positions)


class DecayModel:
    """logits = tanh(decaying mean of embeddings and absolute positions, times a matrix) @ a matrix."""

    def __init__(self, rng, dtype=np.float64):
        self.embedding = rng.normal(size=(V, 10)).astype(dtype)
        self.rates = rng.uniform(0.05, 1.5, size=10).astype(dtype)
        self.inner = rng.normal(size=(10, 10)).astype(dtype)
        self.head = rng.normal(size=(10, V)).astype(dtype)

    def find_logits(self, ids, positions=None, documents=None, readable=None):
        T = ids.shape[1]
        age = np.maximum(np.arange(T)[:, None] - np.arange(T), 0)
        share = see(ids, documents, readable) * (0.9**age).astype(self.head.dtype)
        share = share / np.maximum(share.sum(axis=-1, keepdims=True), 1e-6)
        places = np.sin(count_places(ids, positions)[..., None] * self.rates) * 0.5
        mixed = share @ (self.embedding[ids] + places.astype(self.head.dtype))
        return np.tanh(mixed @ self.inner) @ self.head


class RotaryModel:
    """One head of attention whose positions are rotations, so that only their differences count."""

    def __init__(self, rng, dtype=np.float64):
        self.embedding = rng.normal(size=(V, 8)).astype(dtype)
        self.query, self.key, self.value = rng.normal(size=(3, 8, 8)).astype(dtype) * 0.6
        self.head = rng.normal(size=(8, V)).astype(dtype)

    def rotate(self, x, positions):
        angle = positions[..., None] / np.array([1.0, 4.0, 16.0, 64.0])
        cos, sin = np.cos(angle).astype(x.dtype), np.sin(angle).astype(x.dtype)
        left, right = x[..., :4], x[..., 4:]
        return np.concatenate([left * cos - right * sin, left * sin + right * cos], axis=-1)

    def find_logits(self, ids, positions=None, documents=None, readable=None):
        x, places = self.embedding[ids], count_places(ids, positions)
        query, key = (self.rotate(x @ matrix, places) for matrix in (self.query, self.key))
        seen = see(ids, documents, readable)
        scores = np.where(seen, query @ key.swapaxes(1, 2) * np.asarray(8**-0.5, x.dtype), -1e9)
        share = np.exp(scores - scores.max(axis=-1, keepdims=True)) * seen
        share = share / np.maximum(share.sum(axis=-1, keepdims=True), 1e-6)
        return np.tanh(x + share @ (x @ self.value)) @ self.head


def draw_model(seed, dtype=np.float64):
    """The two models by turns."""
    rng = np.random.default_rng(1000 + seed)
    return (DecayModel, RotaryModel)[seed % 2](rng, dtype)
