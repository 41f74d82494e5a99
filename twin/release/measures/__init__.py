"""Answers -> one number a question, each by a named method. Every module is pure; none knows what is done with its numbers."""
