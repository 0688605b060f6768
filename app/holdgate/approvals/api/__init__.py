"""The API of approval requests, groups, side actions and evidence."""
