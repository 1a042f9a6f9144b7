"""What can go wrong in a consumer, by what follows from it."""


class Misuse(Exception):
    """The command line or a file it names is wrong: told at the start, exit status 2."""


class Refused(Exception):
    """Going on would lose or mix up events: a person has to look; exit status 1."""


class Lost(Exception):
    """The stream cannot be read just now: connect again, after a pause."""


class Unavailable(Exception):
    """The stream could not be read for as long as we were told to wait; exit status 75."""
