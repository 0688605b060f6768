"""What applications say of a person: profile, resume files, cover letter."""
