"""The usher: ``python -I -S usher.py SECONDS PROGRAM ARGUMENT...``, one process for one filter.

Standard library only. It is a program of its own, so that what a filter starts is below it and is
ended with it, whatever becomes of the service.
"""

import os
import sys

if __name__ == "__main__":
    sys.path.append(os.path.abspath(__file__ + "/../../.."))
    from adapters.filters.ushering import main

    main(float(sys.argv[1]), sys.argv[2:])
