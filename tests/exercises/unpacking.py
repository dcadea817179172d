"""Answers to a backward exercise that are written with the cache unpacked."""


def unpack_cache(function):
    """(dy, x, t) -> answer as a function of (dy, cache)."""

    def answer(dy, cache):
        return function(dy, *cache)

    answer.__name__ = function.__name__
    return answer


def unpack_caches(table):
    """A table {diagnosis: function}, each function as one of (dy, cache)."""
    return {diagnosis: unpack_cache(function) for diagnosis, function in table.items()}
