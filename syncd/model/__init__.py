"""Values the whole of syncd speaks in. Standard library only, no I/O, nothing mutable that is shared."""
