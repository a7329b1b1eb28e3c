"""Makes the pictures of both pages in docs/images with Chromium, on a new stack with orders on a localnet."""

from __future__ import annotations

import asyncio
import re
import shutil
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Page, async_playwright, expect

from bench.stack import ENGINE, data_folder, fresh_stack
from localnet.commands import airdrop, call
from order_engine_client import AsyncClient
from tools.run import on_localnet

IMAGES = Path(__file__).with_name("images")
ORDERS = [
    ("SOL", "USDC", "1.5"), ("USDC", "SOL", "400"), ("SOL", "USDC", "1500"), ("RAY", "USDC", "120"),
    ("SOL", "USDT", "12"), ("USDC", "JUP", "75"), ("SOL", "USDC", "0.25"), ("USDT", "SOL", "900"),
    ("SOL", "USDC", "40"), ("SOL", "RAY", "3"), ("USDC", "SOL", "2500"), ("SOL", "USDC", "5000"),
]  # fmt: skip


# Prices are relative to the market's.
WAITING = [
    {"type": "limit", "amountIn": "25", "limitPrice": 1.02},
    {"type": "oco", "amountIn": "40", "limitPrice": 1.06, "stopPrice": 0.95, "stopLimitPrice": 0.94, "confirmTicks": 2},
    {"type": "recurring", "amountIn": "12", "slices": 12, "intervalSeconds": 3},
]  # fmt: skip


async def submit(engine: AsyncClient, order: tuple[str, str, str]) -> str:
    token_in, token_out, amount = order
    accepted = await engine.submit({"tokenIn": token_in, "tokenOut": token_out, "amountIn": amount})
    return accepted.order_id


async def submit_waiting(engine: AsyncClient) -> None:
    pair = {"tokenIn": "SOL", "tokenOut": "USDC"}
    market = float((await engine.quote("SOL", "USDC", 1)).price)
    for terms in WAITING:
        prices = {name: f"{market * share:.2f}" for name, share in terms.items() if isinstance(share, float)}
        await engine.submit({**pair, **terms, **prices})


async def dashboard(browser: Browser, engine: AsyncClient, running: dict[str, Any]) -> None:
    page = await _page(browser, f"{running['rest']}/#key={running['parameters']['DevelopmentKey']}", 1440, 1000)
    await expect(page.locator("#connection")).to_have_text("Live")
    await page.get_by_role("button", name=re.compile("^Swap 1.5 SOL")).click()
    await expect(page.locator(".outcome")).to_contain_text("Swapped")
    await page.screenshot(path=IMAGES / "dashboard.png", animations="disabled")

    # A pause between orders, and a slow chain, so that the page shows several statuses.
    await submit_waiting(engine)
    node = running["parameters"]["SolanaRpcUrl"]
    call(node, "localnet_fault", "delay", {"slots": 12})
    submitted = []
    for order in ORDERS:
        submitted.append(await submit(engine, order))
        await asyncio.sleep(0.7)
    # Below the header, which stays.
    await page.get_by_role("region", name="Open orders").evaluate("section => scrollTo(0, section.offsetTop - 72)")
    await page.screenshot(path=IMAGES / "orders.png", animations="disabled")
    call(node, "localnet_clear")
    await engine.cancel_all()
    await asyncio.gather(*map(engine.ended, submitted))

    await page.set_viewport_size({"width": 1440, "height": 960})
    await page.get_by_role("link", name="Insights").click()
    await expect(page.locator(".chart canvas").first).to_be_visible()
    await page.screenshot(path=IMAGES / "insights.png", animations="disabled")


async def console(browser: Browser, engine: AsyncClient, running: dict[str, Any]) -> None:
    node = running["parameters"]["SolanaRpcUrl"]
    call(node, "localnet_fault", "503", {})
    await engine.ended(await submit(engine, ORDERS[0]))
    call(node, "localnet_clear")
    page = await _page(browser, f"{running['endpoint']}/_emulator/", 1440, 960)
    await page.get_by_role("button", name=re.compile(r"^Failed \d")).click()
    await page.locator(".executions tbody tr").first.get_by_role("link").click()
    await page.locator('.state[data-name="Route"]').click()
    await expect(page.get_by_role("region", name="Details").locator(".attempts-list li")).to_have_count(3)
    await page.screenshot(path=IMAGES / "console.png", animations="disabled")


async def _page(browser: Browser, url: str, width: int, height: int) -> Page:
    page = await browser.new_page(viewport={"width": width, "height": height})
    await page.goto(url)
    return page


async def shoot(running: dict[str, Any]) -> None:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    async with (
        async_playwright() as playwright,
        AsyncClient(running["rest"], running["parameters"]["DevelopmentKey"]) as engine,
    ):
        browser = await playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        airdrop(running["parameters"]["SolanaRpcUrl"], running["parameters"]["WalletAddress"], "20000", "SOL")
        # Until it is confirmed, some slots later.
        await asyncio.sleep(3)
        earlier = [await submit(engine, order) for order in ORDERS]
        await asyncio.gather(*map(engine.ended, earlier))
        await dashboard(browser, engine, running)
        await console(browser, engine, running)
        await browser.close()


def main() -> None:
    with data_folder() as chain, fresh_stack(*ENGINE, *on_localnet(chain, None, None, 0)) as running:
        asyncio.run(shoot(running))


if __name__ == "__main__":
    main()
