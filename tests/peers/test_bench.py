"""The contestants of the comparison with PyTorch and JAX: same losses, and none that is silently missing."""

import bench as peers
import pytest

from minilm import bench

SIZE = bench.SIZES["zoo"]


def talk(make, questions):
    said = []
    peers.answer(make, SIZE, questions, said.append)
    return said


def test_a_contestant_says_its_loss_then_answers_every_turn():
    loss, *times = talk(peers.make_minilm, ["go 0", "go 0"])
    assert float(loss.removeprefix("loss ")) == bench.make_step(SIZE)() and len(times) == 2
    assert all(float(time) > 0 for time in times)


@pytest.mark.parametrize(
    ("error", "message"),
    [(ImportError("no torch"), "not installed: no torch"), (OSError(2, "x"), "cannot run")],
)
def test_one_that_cannot_begin_says_why(error, message):
    def make(size, stack):
        raise error

    (said,) = talk(make, ["go 0"])
    assert said.startswith(message)


@pytest.mark.parametrize("library", ["torch", "jax"])
def test_peers_have_the_losses_of_minilm(library):
    pytest.importorskip(library, reason=f"{library} is not installed: its training step is not compared")
    step, peer = bench.make_step(SIZE), getattr(peers, f"make_{library}")(SIZE, None)
    assert step() == pytest.approx(peer(), rel=1e-5)
    assert step() == pytest.approx(peer(), rel=1e-2)  # after an update; minilm's rate warms up


def test_missing_contestants_stand_in_the_table_and_different_losses_are_refused(monkeypatch):
    class Fake:
        def __init__(self, name, *_):
            self.times, self.loss = [], {"minilm": 4.0, "jitted JAX": 4.1}.get(name)
            self.problem = None if self.loss else "not installed"
            self.begin = self.end = lambda: None

        def take_turn(self, seconds):
            self.times.append(0.01)

    monkeypatch.setattr(peers, "Contestant", Fake)
    pythons = dict.fromkeys(("minilm", "two", "torch", "jitted"))
    with pytest.raises(ValueError, match="zoo: the losses differ"):
        peers.compete("zoo", 0.9, 2, pythons)
    monkeypatch.delitem(peers.CONTESTANTS, "jitted JAX")
    players = peers.compete("zoo", 0.9, 2, pythons)
    assert [name for name, player in players.items() if player.problem] == [
        "two processes",
        "torch eager",
        "torch.compile",
    ]
    assert peers.format_line("zoo", 0.9, 2, players).split() == "zoo 2 90% 76% - 10.00 (1.00) - -".split()
