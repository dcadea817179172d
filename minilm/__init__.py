"""minilm: what loss masking in supervised fine-tuning does, in plain NumPy and step by step.

Start with model.py, the whole transformer up to the loss and down again, and run
`python -m minilm` to see the mask at work.
"""

import contextlib
import importlib

__version__ = "0.1.0"
MODULES = (
    "tokenizer chat views data masks layers losses model tree gradcheck optim batches fast parallel train "
    "bench generate corpora faults figures exercises trace diagnose files commands"
).split()


def __getattr__(name):
    """Import a module when it is first used as minilm.NAME, so that `import minilm` costs nothing."""
    if name not in MODULES:
        raise AttributeError(f"minilm has no module {name!r}; it has {', '.join(MODULES)}")
    return importlib.import_module(f"minilm.{name}")


def __dir__():
    return [*MODULES, "recording", "swap"]


@contextlib.contextmanager
def swap(name, replacement):
    """Put another function in a function's place: `with swap("layers.gelu_backward", mine): ...`

    All code in minilm looks a function up in its module at each call, so the whole model uses the
    replacement until the block ends. `as` gives the original. Raises ValueError for an unknown name.
    """
    module_name, _, attribute = name.rpartition(".")
    is_known = module_name.partition(".")[0] in MODULES
    module = importlib.import_module(f"minilm.{module_name}") if is_known else None
    if not callable(getattr(module, attribute, None)):
        raise ValueError(f"there is no function {name!r}: give it as module.function")
    original = getattr(module, attribute)
    setattr(module, attribute, replacement)
    try:
        yield original
    finally:
        setattr(module, attribute, original)


@contextlib.contextmanager
def recording(name):
    """Collect what a function returns, call by call: `with recording("model.forward") as results: ...`"""
    results = []

    def record(*args, **kwargs):
        results.append(original(*args, **kwargs))
        return results[-1]

    with swap(name, record) as original:
        yield results
