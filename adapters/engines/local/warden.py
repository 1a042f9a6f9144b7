"""The warden: ``python -I -S warden.py RUN_DIRECTORY``, one process for one run.

Standard library only. It is a program of its own, which the service starts but never needs again:
the way to its own modules is taken from where this file lies, behind the standard library's.
"""

import os
import sys

if __name__ == "__main__":
    sys.path.append(os.path.abspath(__file__ + "/../../../.."))
    from adapters.engines.local.watch import main

    main(sys.argv[1])
