"""Tests in Chromium. A package, so that the browser closes when its last test has run."""
