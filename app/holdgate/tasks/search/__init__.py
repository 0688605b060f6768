"""Finding tasks: filters, lists, words, counts, look-up and saved views."""
