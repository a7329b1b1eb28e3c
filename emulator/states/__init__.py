"""The Amazon States Language, query language JSONPath: `language` reads a definition, `interpreter` runs it."""
