"""The command line. One module per family of verbs, each of which imports what it works with only when it is called, so
that `syncd --help` and `syncd config …` answer at once and need no database."""
