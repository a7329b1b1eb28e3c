"""Lambda: functions, event source mappings and code reload."""
