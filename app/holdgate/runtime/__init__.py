"""What a worker does; and, for those who write kinds, the names they import."""
