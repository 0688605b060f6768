"""People deciding: the question put to them while a task holds, their personal links, their decision."""
