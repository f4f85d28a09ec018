"""States in, plan out: what the directory says against what the store holds. Pure: no I/O, no clock, no log."""
