"""One module a verb: a click command called ``verb``, imported only when it is asked for."""
