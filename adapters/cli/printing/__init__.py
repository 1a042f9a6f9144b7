"""What is printed: in which form, how wide, in which colour, and every text made safe."""
