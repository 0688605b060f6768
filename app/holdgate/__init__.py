"""Holdgate: a task queue with hold points, where people sign off on what machines do."""
