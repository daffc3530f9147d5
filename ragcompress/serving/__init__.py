"""Doors for those who write no Python: an HTTP server and an MCP server over one compressor.

``app`` puts the HTTP endpoints together, one file for each client's contract (extra ``server``); ``mcp`` has
the tools for agents (extra ``mcp``).
"""
