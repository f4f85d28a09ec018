"""Real servers that the tests start on loopback, each in a temporary folder, and stop again."""
