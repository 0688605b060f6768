"""What can be shown afterwards: receipts, deliveries, opened links, differences, and their check."""
