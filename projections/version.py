"""The version of the views: of their columns and of the folds that fill them."""

from typing import Final

VIEWS_VERSION: Final = 5
"""Raised with every change of a row, a column or a fold: the views are then rebuilt under a new
name from the stream, and switched to. A test holds a digest of what the golden events fold to, and
fails when that changes under the same number."""
