"""Out to other machines: which addresses may be called, and how."""
