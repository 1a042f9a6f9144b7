"""What verbs do between asking and printing, where it takes more than the verb itself."""
