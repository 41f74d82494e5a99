"""`twin <noun> <verb>`: settings -> drivers -> stage."""
