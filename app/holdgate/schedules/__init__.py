"""Tasks that start at times of the calendar: cron schedules kept in PostgreSQL."""
