"""What the documentation takes from the code: reference and pictures of declarations; and the hook of its site."""
