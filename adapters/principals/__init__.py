"""Who people are: the principals file, and how it and the Unix logins make one name space."""

from adapters.principals.file import Entry, PrincipalsFile, TokenEntry
from adapters.principals.people import Principals, SocketPeer

__all__ = ["Entry", "Principals", "PrincipalsFile", "SocketPeer", "TokenEntry"]
