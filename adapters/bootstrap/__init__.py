"""The only place that chooses adapters. What the command line may ask of it stands in ``asked``.

Nothing is imported here: whoever imports one module of this package gets this one too.
"""
