"""The fake model provider: what it is told to say (script), what it refuses (rules), how it speaks
(dialects), what it remembers of prompts (cache), and the HTTP server that it is (server)."""
