"""The personal data of one person: exported, and erased."""
