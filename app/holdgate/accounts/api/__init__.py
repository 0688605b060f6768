"""The API of the account, of people and of resumes."""
