"""EventBridge Scheduler: invokes functions at set times."""
