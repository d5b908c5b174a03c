"""A team's set-up as in docs/settings.md: a proxy that signs people in, under its own host name."""

import asyncio
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest
from aiohttp import ClientSession, WSMsgType, web
from playwright.sync_api import Browser, expect
from sqlalchemy import select

from db.session import reading, writing
from db.tables import Reviewer, Split, Verdict
from tests.conftest import CHROMIUM, CHROMIUM_ARGUMENTS
from tests.e2e.conftest import Server, free_port
from tests.examples import add_examples

pytestmark = pytest.mark.skipif(
    not (shutil.which("chromium") or shutil.which("chromium-browser")),
    reason="Chromium is not installed; apt-get install chromium",
)
HOST = "winnow.test"
SESSION = web.AppKey("session", ClientSession)
HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-encoding", "content-length", "upgrade"}


def signing_in(user: str, target: str) -> web.Application:
    """A reverse proxy before `target` that says who is signed in, whatever the browser claims; websockets too."""

    def headers(request: web.Request) -> dict[str, str]:
        kept = {name: value for name, value in request.headers.items() if name.lower() not in HOP_BY_HOP}
        kept = {name: value for name, value in kept.items() if not name.lower().startswith("sec-websocket")}
        return {**kept, "X-Forwarded-User": user}

    async def forward(request: web.Request) -> web.StreamResponse:
        session = request.app[SESSION]
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await bridge(request, session)
        body = await request.read()
        async with session.request(
            request.method, target + request.path_qs, headers=headers(request), data=body, allow_redirects=False
        ) as answer:
            kept = {name: value for name, value in answer.headers.items() if name.lower() not in HOP_BY_HOP}
            return web.Response(status=answer.status, headers=kept, body=await answer.read())

    async def bridge(request: web.Request, session: ClientSession) -> web.StreamResponse:
        wanted = [name.strip() for name in request.headers.get("Sec-WebSocket-Protocol", "").split(",") if name.strip()]
        ours = web.WebSocketResponse(protocols=wanted, max_msg_size=0)
        await ours.prepare(request)
        async with session.ws_connect(
            target + request.path_qs, headers=headers(request), protocols=wanted, max_msg_size=0
        ) as app:

            async def carry(source: object, sink: object) -> None:
                async for message in source:  # type: ignore[attr-defined]
                    if message.type is WSMsgType.BINARY:
                        await sink.send_bytes(message.data)  # type: ignore[attr-defined]
                    elif message.type is WSMsgType.TEXT:
                        await sink.send_str(message.data)  # type: ignore[attr-defined]

            with suppress(ConnectionError):
                await asyncio.wait(
                    [asyncio.create_task(carry(ours, app)), asyncio.create_task(carry(app, ours))],
                    return_when=asyncio.FIRST_COMPLETED,
                )
        return ours

    async def connected(app: web.Application) -> object:
        async with ClientSession() as app[SESSION]:
            yield

    proxy = web.Application()
    proxy.cleanup_ctx.append(connected)
    proxy.router.add_route("*", "/{path:.*}", forward)
    return proxy


@contextmanager
def serving(application: web.Application, port: int) -> Iterator[None]:
    """Serve an aiohttp application from a thread of its own."""
    loop, up = asyncio.new_event_loop(), threading.Event()

    async def run() -> web.AppRunner:
        runner = web.AppRunner(application, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        up.set()
        return runner

    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    runner = asyncio.run_coroutine_threadsafe(run(), loop)
    assert up.wait(20)
    try:
        yield
    finally:
        asyncio.run_coroutine_threadsafe(runner.result().cleanup(), loop).result(20)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(20)
        loop.close()


def test_who_is_signed_in_reviews_under_the_proxys_host_name(server: Callable[..., Server], browser: Browser) -> None:
    port = free_port()
    app = server(WINNOW_HOSTS=HOST, WINNOW_USER_HEADER="X-Forwarded-User", STREAMLIT_BROWSER_SERVER_ADDRESS=HOST)
    with writing(app.engine) as session:
        (example,) = add_examples(session, app.store, 1, Split.train)
    chromium = browser.browser_type
    mapped = chromium.launch(
        executable_path=CHROMIUM, args=[*CHROMIUM_ARGUMENTS, f"--host-resolver-rules=MAP {HOST} 127.0.0.1"]
    )
    with serving(signing_in("Ada Lovelace", app.url), port):
        page = mapped.new_page()
        page.goto(f"http://{HOST}:{port}/team?part=you")
        expect(page.get_by_text("You are signed in as Ada Lovelace and review under that name.")).to_be_visible(timeout=15_000)
        expect(page.get_by_label("Your name")).to_have_count(0)
        page.goto(f"http://{HOST}:{port}/review")
        page.wait_for_selector(f'canvas[data-example="{example}"][data-state="showing"]')
        page.keyboard.press("k")
        page.wait_for_selector('[data-part="deck"][data-state="done"][data-unsaved="0"]')
        mapped.close()
    with reading(app.engine) as session:
        verdict = session.scalars(select(Verdict)).one()
        assert session.get_one(Reviewer, verdict.reviewer_id).name == "Ada Lovelace"
