"""The gateway: OpenAI-compatible API and chat page over the answer stage. The only place for the web framework."""
