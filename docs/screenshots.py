"""Makes docs/images/dashboard.png and console.png: both pages in Chromium, on a new stack with orders."""

from __future__ import annotations

import asyncio
import re
import shutil
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Page, async_playwright, expect

from bench.stack import ENGINE, fresh_stack
from client.engine import Engine
from order_engine.simulation.faults import clear_faults, set_fault
from order_engine.storage.database import Database

IMAGES = Path(__file__).with_name("images")
REALISTIC = "--parameter=MarketLatency=realistic"
ORDERS = [
    ("SOL", "USDC", "1.5"), ("USDC", "SOL", "400"), ("SOL", "USDC", "1500"), ("RAY", "USDC", "120"),
    ("SOL", "USDT", "12"), ("USDC", "JUP", "75"), ("SOL", "USDC", "0.25"), ("USDT", "SOL", "900"),
    ("SOL", "USDC", "40"), ("SOL", "RAY", "3"), ("USDC", "SOL", "2500"), ("SOL", "USDC", "5000"),
]  # fmt: skip


async def submit(engine: Engine, order: tuple[str, str, str]) -> str:
    token_in, token_out, amount = order
    accepted = await engine.submit({"tokenIn": token_in, "tokenOut": token_out, "amountIn": amount})
    return str(accepted["orderId"])


async def ended(engine: Engine, order_id: str) -> None:
    async for _ in engine.watch(order_id):
        pass


async def dashboard(browser: Browser, engine: Engine, running: dict[str, Any]) -> None:
    page = await _page(browser, f"{running['rest']}/#key={running['parameters']['DevelopmentKey']}")
    await expect(page.locator("#connection")).to_have_text("Live")
    # A pause between orders, so that the page shows several statuses.
    for order in ORDERS:
        await submit(engine, order)
        await asyncio.sleep(0.7)
    await page.screenshot(path=IMAGES / "dashboard.png", animations="disabled")


async def console(browser: Browser, engine: Engine, running: dict[str, Any]) -> None:
    database = Database(running["parameters"]["DatabaseUrl"])
    for venue in ("raydium", "meteora"):
        set_fault(database, venue, "quote", "fail", None)
    await ended(engine, await submit(engine, ORDERS[0]))
    clear_faults(database)
    database.close()
    page = await _page(browser, f"{running['endpoint']}/_emulator/")
    await page.get_by_role("button", name=re.compile(r"^Failed \d")).click()
    await page.locator(".executions tbody tr").first.get_by_role("link").click()
    await page.locator('.state[data-name="Route"]').click()
    await expect(page.get_by_role("region", name="Details").locator(".attempts-list li")).to_have_count(3)
    await page.screenshot(path=IMAGES / "console.png", animations="disabled")


async def _page(browser: Browser, url: str) -> Page:
    page = await browser.new_page(viewport={"width": 1440, "height": 1120})
    await page.goto(url)
    return page


async def shoot(running: dict[str, Any]) -> None:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    async with (
        async_playwright() as playwright,
        Engine(running["rest"], running["parameters"]["DevelopmentKey"]) as engine,
    ):
        browser = await playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        earlier = [await submit(engine, order) for order in ORDERS]
        await asyncio.gather(*(ended(engine, order_id) for order_id in earlier))
        await dashboard(browser, engine, running)
        await console(browser, engine, running)
        await browser.close()


def main() -> None:
    with fresh_stack(*ENGINE, REALISTIC) as running:
        asyncio.run(shoot(running))


if __name__ == "__main__":
    main()
