"""Payloads as people see and enter them: forms from schemas, secrets masked."""
