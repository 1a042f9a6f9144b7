"""What is true about jobs: the language of the field, pure and synchronous."""
