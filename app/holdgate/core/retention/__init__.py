"""What is deleted after a time, and the archive that has it first."""
