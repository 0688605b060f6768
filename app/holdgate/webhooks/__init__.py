"""Webhooks: telling other systems what happens to tasks, runs and approvals, as Standard Webhooks asks."""
