"""One job that several boards have: suggested as likely the same posting, and made one once a person has said so."""
