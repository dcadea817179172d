"""For instructors: single exercises as notebooks, and the page of what students get wrong."""
