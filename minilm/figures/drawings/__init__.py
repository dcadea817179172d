"""Drawings for the lessons, one module each: draw() returns a matplotlib figure, ALT says what it shows."""
