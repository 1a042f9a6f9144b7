"""The API as tables: each operation with its parameters, body, answers and problems.

Routes, the reading of queries, and the OpenAPI document all go by them, so they cannot disagree.
"""
