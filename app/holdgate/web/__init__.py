"""The toolkit of the pages: rendering, forms, sessions, guards, errors and the outer shield. Imports no feature."""
