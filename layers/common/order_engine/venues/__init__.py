"""Where a swap is carried out."""
