"""Draws docs/images/run.svg: a terminal while one order runs on the running stack."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import aiohttp
from rich.console import Console
from rich.terminal_theme import MONOKAI

ORDER = {"type": "market", "tokenIn": "SOL", "tokenOut": "USDC", "amountIn": "1.5"}
HIDDEN = ("quotes", "unavailable", "type", "clientOrderId")
PLAIN = """<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font: {char_height}px/{line_height}px ui-monospace, Menlo, Consolas, monospace; }}
{styles}
</style>
<defs>{lines}</defs>{chrome}
<g transform="translate({terminal_x}, {terminal_y})">{backgrounds}<g class="{unique_id}-matrix">{matrix}</g></g>
</svg>
"""


async def record(console: Console, running: dict[str, Any]) -> None:
    console.print("[bold green]$[/] make run")
    console.print("Ready.\n")
    console.print(f'[bold green]$[/] npx wscat -c {running["websocket"]} -H "Authorization: Bearer $ORDERS_KEY"')
    console.print("Connected (press CTRL+C to quit)")
    message = {"action": "execute", **ORDER}
    console.print(f"[bold]>[/] {json.dumps(message)}", highlight=False, soft_wrap=True)
    key = {"Authorization": f"Bearer {running['parameters']['DevelopmentKey']}"}
    async with aiohttp.ClientSession(headers=key) as session, session.ws_connect(running["websocket"]) as socket:
        await socket.send_json(message)
        async for received in socket:
            event = json.loads(received.data)
            data = {name: value for name, value in event["data"].items() if name not in HIDDEN}
            if "txHash" in data:
                data["txHash"] = data["txHash"][:6] + "…"
            line = f"[cyan]{event['at'][11:23]}[/] {event['seq']} [bold yellow]{event['status']:<9}[/]"
            text = json.dumps(data, ensure_ascii=False)
            console.print(f"[bold]<[/] {line} {text}", highlight=False, no_wrap=True, overflow="ellipsis")
            if event["status"] in ("confirmed", "failed"):
                return


def main() -> None:
    running = json.loads(Path(".local/running.json").read_text())
    console = Console(record=True, width=132)
    asyncio.run(record(console, running))
    console.save_svg("docs/images/run.svg", title="one order", theme=MONOKAI, code_format=PLAIN)


if __name__ == "__main__":
    main()
