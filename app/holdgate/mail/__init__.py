"""Mail: templates rendered to messages, delivered over SMTP or, in development, to the built-in mailbox."""
