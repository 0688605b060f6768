"""Tests of the export and the erasure of people."""
