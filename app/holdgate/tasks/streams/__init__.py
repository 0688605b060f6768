"""Following tasks: the event stream and the long poll."""
