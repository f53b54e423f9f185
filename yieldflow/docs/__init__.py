"""The reference: `python -m yieldflow docs [TOPIC]`. A topic's text is a docstring, so each fact stands in one place.

`topics` is the index. A module beside it that has nothing but a docstring is the text of one topic.
"""
