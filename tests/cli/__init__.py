"""Tests of the command holdgate."""
