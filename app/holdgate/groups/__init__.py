"""Groups: named sets of people, to be asked together."""
