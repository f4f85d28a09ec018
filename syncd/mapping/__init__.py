"""From entries to records: what a directory sends, in the store's words. Pure: no I/O, no clock, no log."""
