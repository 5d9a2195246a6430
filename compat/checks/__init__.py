"""What official.py checks: a module for each of the things that a client asks of a server."""
