"""People: users, sign-in links, sessions, roles and the profile their applications are made from."""
