"""Embedders beside the built-in one: any model of fastembed in the process, any OpenAI-compatible server."""

from twin.drivers.embedding.local import FastEmbed
from twin.drivers.embedding.remote import OpenAIEmbedder

__all__ = ["FastEmbed", "OpenAIEmbedder"]
