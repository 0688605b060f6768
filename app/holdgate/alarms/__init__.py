"""Alarms: what a person wants to be told of by email when it gets bad, and errors that they have muted."""
