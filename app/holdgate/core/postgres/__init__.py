"""PostgreSQL underneath the sessions: connections that end, errors that mean "away", what tables are made of."""
