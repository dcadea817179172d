"""One exercise each: its cases, its known mistakes, its hints. The module of its lesson takes it in."""
