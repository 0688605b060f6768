"""When people can be asked: absences and their substitutes."""
