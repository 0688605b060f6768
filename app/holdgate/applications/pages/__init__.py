"""Pages of applications: the list and the board, one application, its hand-off."""
