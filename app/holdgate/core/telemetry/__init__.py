"""What an operator hears: logs, metrics, traces."""
