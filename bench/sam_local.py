"""Measures requests to the REST API of `sam local start-api` and of the emulator: python -m bench.sam_local.

Both must be running (make run, make sam-local). The first answers of sam local are measured separately, so it should be
freshly started. The orders are real and count against the rate limit.
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
    """The duration of a request, in ms."""
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    request = Request(url + path, json.dumps(body).encode() if body else None, headers)
    started = time.perf_counter()
    with urlopen(request, timeout=120) as response:
        response.read()
    return (time.perf_counter() - started) * 1000


def at_once(url: str, key: str, count: int) -> float:
    """The answers a second to `GET /api/quotes` with ten requests at a time."""
    with ThreadPoolExecutor(10) as threads:
        started = time.perf_counter()
        list(threads.map(lambda _: asked(url, key, *REQUESTS["GET /api/quotes"]), range(count)))
        return count / (time.perf_counter() - started)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--data", type=Path, default=Path(".local"), help="the data of the running engine (%(default)s)"
    )
    parser.add_argument("--sam-local", default="http://127.0.0.1:3003", help="its URL (%(default)s)")
    parser.add_argument("--key", help="an API key (the one of make run)")
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
    print(f"\nTen quotes at a time: {rates[0]:.0f} a second from sam local, {rates[1]:.0f} from the emulator.")


if __name__ == "__main__":
    main()
