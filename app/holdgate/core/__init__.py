"""What every part stands on. Imports nothing else from app."""
