"""Asking people from an AI agent: tools by the Model Context Protocol, over HTTP (`/mcp`) and over stdio."""
