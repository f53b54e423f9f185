"""Durable workflows inside a Python process."""
