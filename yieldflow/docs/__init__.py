"""The reference: `python -m yieldflow docs [TOPIC]`. A topic's text is a docstring, so each fact stands in one place.

`topics` is the index. `reference` makes pages of the docstrings of public names, and `architecture` a page of what the
code itself goes by; `pages` holds the texts that are about no single piece of code.
"""
