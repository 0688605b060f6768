"""Parts of `report.generate`: the numbers, and how each format writes them."""
