from __future__ import annotations


def label(parcel: str) -> str:
    return f"parcel {parcel}"
