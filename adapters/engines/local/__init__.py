"""Local processes, each run under a warden of its own.

``engine`` is the service's side. ``warden`` (a program of its own) imports ``watch``, ``keeper``,
``launch``, ``members``, ``notebook``, ``talk``, ``drain``, ``cgroups`` and ``procfs``: standard
library only, little of it (not even ``typing``), and this file imports nothing, so that a warden
stays small and starts fast.
"""
