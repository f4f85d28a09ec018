"""Use cases. They see the outside only through the protocols in `ports`."""
