"""What happens to an approval request: made, decided, delegated, clarified, undone, reminded of, grouped, mailed."""
