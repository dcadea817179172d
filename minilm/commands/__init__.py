"""What each command does, its options beside it. Each module adds its own to __main__'s parser."""

from . import course, figures, looking, rows

GROUPS = (figures, looking, rows, course)
