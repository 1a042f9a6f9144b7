"""The use cases, named as the field names them; the outside is known only through ``ports``."""
