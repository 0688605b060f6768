"""The life of a process of ours."""
