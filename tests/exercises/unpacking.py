"""Answers to a backward exercise that are written with the cache unpacked."""


def unpack_cache(function):
    """(dy, x, t) -> answer as a function of (dy, cache)."""
    return lambda dy, cache: function(dy, *cache)


def unpack_caches(table):
    """A table {diagnosis: function} for which every cache is unpacked."""
    return {diagnosis: unpack_cache(function) for diagnosis, function in table.items()}
