"""Requests to the REST API by `sam local start-api`, beside the same to the emulator: python -m bench.sam_local.

Both must be up (make run, make sam-local), and sam local should not have been asked for anything yet: its first answers
are measured on their own. Orders are real, and count against the limit of a minute.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

ORDER = {"type": "market", "tokenIn": "SOL", "tokenOut": "USDC", "amountIn": "0.01"}
REQUESTS: dict[str, tuple[str, Any]] = {
    "GET /health": ("/health", None),
    "GET /api/quotes": ("/api/quotes?tokenIn=SOL&tokenOut=USDC&amountIn=1.5", None),
    "POST /api/orders/execute": ("/api/orders/execute", ORDER),
}


def asked(url: str, key: str, path: str, body: Any) -> float:
    """How long the answer took, in ms."""
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    request = Request(url + path, json.dumps(body).encode() if body else None, headers)
    started = time.perf_counter()
    with urlopen(request, timeout=120) as response:
        response.read()
    return (time.perf_counter() - started) * 1000


def at_once(url: str, key: str, count: int) -> float:
    """Answers a second to `GET /api/quotes`, ten of them asked for at once."""
    with ThreadPoolExecutor(10) as threads:
        started = time.perf_counter()
        list(threads.map(lambda _: asked(url, key, *REQUESTS["GET /api/quotes"]), range(count)))
        return count / (time.perf_counter() - started)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--data", type=Path, default=Path(".local"), help="the data of the engine that is up (%(default)s)"
    )
    parser.add_argument("--sam-local", default="http://127.0.0.1:3003", help="where it listens (%(default)s)")
    parser.add_argument("--key", help="an API key (that of make run)")
    parser.add_argument("--count", type=int, default=30, help="requests of each kind (%(default)s)")
    arguments = parser.parse_args()
    running = json.loads((arguments.data / "running.json").read_text())
    key = arguments.key or (arguments.data / "development-key").read_text().strip()
    print("| request | sam local: first, ms | median (quartiles), ms | emulator: median (quartiles), ms | ratio |")
    print("|---|---|---|---|---|")
    for name, request in REQUESTS.items():
        first = asked(arguments.sam_local, key, *request)
        row, medians = [name, f"{first:.0f}"], []
        for url in (arguments.sam_local, running["rest"]):
            times = [asked(url, key, *request) for _ in range(arguments.count)]
            low, median, high = statistics.quantiles(times, n=4)
            row.append(f"{median:.1f} ({low:.1f}–{high:.1f})")
            medians.append(median)
        print("|", " | ".join([*row, f"{medians[0] / medians[1]:.1f}"]), "|", flush=True)
    rates = [at_once(url, key, 5 * arguments.count) for url in (arguments.sam_local, running["rest"])]
    print(f"\nTen quotes at once: {rates[0]:.0f} a second by sam local, {rates[1]:.0f} by the emulator.")


if __name__ == "__main__":
    main()
