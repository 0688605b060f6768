"""The built-in task kinds, one file each. Importing a file registers its kind; the entries import those they run."""
