"""The configuration: what can be set, where it comes from, what is wrong with it, and how it is explained.

The models in `root` and `directory` are the single description; the example file, the JSON Schema, the names of the
environment variables and the messages about mistakes are all derived from them.
"""
