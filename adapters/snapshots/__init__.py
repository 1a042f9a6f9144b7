"""Snapshots of folded jobs, a file each: disposable, checked, and bound to one version of the fold.

``packing`` is a snapshot as bytes, ``fold`` the digest of the rules it was folded by, ``files``
where they lie.
"""
