"""The API of postings and of runs made from them."""
