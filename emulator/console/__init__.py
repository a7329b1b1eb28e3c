"""The console: a page and a JSON API that show what the services have done."""
