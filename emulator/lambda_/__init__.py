"""Lambda: functions in processes of their own, event source mappings, code reload."""
