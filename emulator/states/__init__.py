"""Step Functions, with the Amazon States Language in JSONPath: `language` reads a definition, `interpreter` runs it."""
