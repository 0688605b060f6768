"""What counts: who may see and decide, how votes add up, what a form accepts, which version is meant."""
