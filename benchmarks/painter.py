"""The painter's speed in Chromium: from a pointer's move to the painted frame, beside two other painters in the same run.

    npm pack label-studio@1.0.1 && tar xzf label-studio-1.0.1.tgz
    python benchmarks/painter.py [--strokes 200] [--hints 20] [--data FOLDER] [--label-studio package] [--json]

- frame: from the pointer event's own time until the frame after it has been handed over, over every move of every stroke.
- last / first: the median of the last twenty strokes by that of the first twenty: a painter whose strokes pile up slows down.
- bare canvas: a line drawn into one canvas of the same size and nothing else: what the browser itself takes.
- Label Studio: the brush of its frontend of that version, the newest that npm has whole; without it, that row is left out.
- hint, answered: from the pointer's going up until the frame after the mask changed, solved around the stroke; half of the
  hints say hair, half not hair, along the mask's edge.
- save: a request's body, of a mask that was drawn on by all the strokes; open: from the click on the navigation until a mask is
  there to be started; ready: from the click on another mask until Refine's answer for it is there, which takes Refine the time
  after it. The matting process is warm. The masks are drawn, on noise; with --data, of a folder of real pairs.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[0] = str(ROOT)
# ruff: noqa: E402 - this has to come before every import that may need it

import argparse
import json
import mimetypes
import random
import shutil
import tempfile
import time
from datetime import UTC, datetime
from statistics import median, quantiles
from typing import Any

from playwright.sync_api import Page, Route, sync_playwright
from sqlalchemy import select

from benchmarks.deck import bring_in, fill, serving
from benchmarks.machine import machine
from curator.review.reviewers import reviewer_called
from curator.review.verdicts import NewVerdict, record
from db.jobs import utc_now
from db.session import open_database, reading, writing
from db.settings import Settings
from db.store import Store
from db.tables import Decision, Example, Split, Standing

MOVES = 8  # of the pointer a stroke
WARM_UP = 3  # strokes
HINT_SIZE = 14  # pixels, the radius
REFINED = '[data-part="refined"]:not([disabled])'

PRESENTED = """
  const presented = () => new Promise((done) => requestAnimationFrame(() => {
    const channel = new MessageChannel();
    channel.port1.onmessage = () => done(performance.now());
    channel.port2.postMessage(0);
  }));
"""

# When a frame has been handed over after each move with a button down.
WATCH = f"""
() => {{
  window.samples = [];
  {PRESENTED}
  const heard = (event) => {{ if (event.buttons) presented().then((now) => window.samples.push(now - event.timeStamp)); }};
  window.addEventListener(window.__heard ?? "pointermove", heard, true);
}}
"""

# When a frame has been handed over after the first change of the mask that follows a pointer's going up.
WATCH_HINTS = f"""
() => {{
  window.samples = [];
  {PRESENTED}
  let lifted = null;
  const {{ canvas }} = window.__winnowPainter.at;
  canvas.addEventListener("pointerup", (event) => {{ lifted = event.timeStamp; }}, true);
  new MutationObserver((changes) => {{
    if (lifted === null || !changes.some(({{ oldValue }}) => oldValue !== canvas.dataset.strokes)) return;
    const from = lifted;
    lifted = null;
    presented().then((now) => window.samples.push(now - from));
  }}).observe(canvas, {{ attributeFilter: ["data-strokes"], attributeOldValue: true }});
}}
"""

# Places of the picture where hair ends, as shares of its side.
EDGE = """() => {
  const { alpha, side } = window.__winnowPainter.easel;
  const found = [];
  for (let i = 1; i < alpha.length; i++) {
    if (i % side && alpha[i] >= 128 !== alpha[i - 1] >= 128) found.push([(i % side) / side, Math.floor(i / side) / side]);
  }
  return found;
}"""

BARE = """
<!doctype html><body style="margin:0;background:#333">
<canvas id="c" width="800" height="800" style="touch-action:none"></canvas>
<script>
  const canvas = document.getElementById("c"), context = canvas.getContext("2d");
  let last = null;
  context.strokeStyle = "rgb(0 132 255)"; context.lineCap = "round"; context.lineWidth = SIZE;
  canvas.onpointerdown = (event) => { last = [event.clientX, event.clientY]; };
  canvas.onpointerup = () => { last = null; };
  canvas.onpointermove = (event) => {
    if (!last) return;
    context.beginPath(); context.moveTo(...last);
    last = [event.clientX, event.clientY];
    context.lineTo(...last); context.stroke();
  };
</script></body>
"""

SET = """([zoom, size]) => {
  const { easel } = window.__winnowPainter;
  easel.fitAll();
  easel.zoom(zoom);
  easel.shape({ radius: size });
}"""

PEER = """
<!doctype html><html><head><link href="/static/css/main.css" rel="stylesheet"></head><body><div id="label-studio"></div>
<script src="/static/js/main.js"></script>
<script>
  new LabelStudio("label-studio", {
    config: `<View><Image name="image" value="$image" zoom="true" brightnessControl="false"/>
      <BrushLabels name="tag" toName="image"><Label value="Hair" selected="true" background="#0084ff"/></BrushLabels></View>`,
    interfaces: ["basic"], user: { pk: 1 }, task: { annotations: [], predictions: [], id: 1, data: { image: "/photo.png" } },
    onLabelStudioLoad: (studio) => {
      const made = studio.annotationStore.addAnnotation({ userGenerate: true });
      studio.annotationStore.selectAnnotation(made.id);
      window.ready = true;
    },
  });
</script></body></html>
"""


def draw(page: Page, left: float, top: float, side: float, strokes: int) -> list[float]:
    """Draw that many strokes in a square of the page; returns milliseconds to each frame, in order."""
    random_places = random.Random(5)
    page.evaluate(WATCH)
    for number in range(strokes + WARM_UP):
        if number == WARM_UP:
            page.evaluate("() => { window.samples = []; }")
        x, y = (random_places.uniform(0.1, 0.6) for _ in range(2))
        dx, dy = (random_places.uniform(0.05, 0.3) for _ in range(2))
        page.mouse.move(left + x * side, top + y * side)
        page.mouse.down()
        for step in range(1, MOVES + 1):
            page.mouse.move(left + (x + dx * step / MOVES) * side, top + (y + dy * step / MOVES) * side)
        page.mouse.up()
    page.wait_for_timeout(200)
    found: list[float] = page.evaluate("() => window.samples")
    return found


def hint(page: Page, left: float, top: float, side: float, count: int) -> list[float]:
    """Give that many hints at the mask's edge, each taken back again; returns milliseconds to each answer's frame, in order."""
    random_places = random.Random(6)
    edge = page.evaluate(EDGE)
    page.keyboard.press("t")
    page.evaluate(SET, [1, HINT_SIZE])
    page.evaluate(WATCH_HINTS)
    for number in range(count + WARM_UP):
        x, y = random_places.choice(edge)
        dx, dy = (random_places.uniform(-0.08, 0.08) for _ in range(2))
        page.mouse.move(left + x * side, top + y * side)
        page.mouse.down(button="right" if number % 2 else "left")
        page.mouse.move(left + (x + dx) * side, top + (y + dy) * side, steps=MOVES)
        page.mouse.up(button="right" if number % 2 else "left")
        page.wait_for_function("count => window.samples.length === count", arg=number + 1)
        page.keyboard.press("u")
    found: list[float] = page.evaluate("() => window.samples")
    return found[WARM_UP:]


def row(painter: str, samples: list[float], **more: Any) -> dict[str, Any]:
    """The figures of a painter, in milliseconds."""
    each = max(1, len(samples) // 10)
    return {
        "painter": painter,
        "median": median(samples),
        "p95": quantiles(samples, n=20)[-1],
        "last / first": median(samples[-each:]) / median(samples[:each]),
        **more,
    }


def prepare(home: Path, data: Path | None) -> None:
    """A home with two kept test examples."""
    if data is None:
        fill(home, 2)
    else:
        bring_in(home, data)
    engine = open_database(Settings(home=home))
    with writing(engine) as session:
        examples = session.scalars(select(Example).order_by(Example.id).limit(2)).all()
        if len(examples) < 2:
            raise SystemExit(f"{data} has {len(examples)} photos with a face. Give a folder with two at least.")
        for example in examples:
            example.split = session.get_one(Standing, example.id).split = Split.test
        given = [NewVerdict(example.id, Decision.keep, None, f"keep-{example.id}") for example in examples]
        record(session, reviewer_called(session, "reviewer").id, given, utc_now())
    engine.dispose()


def ours(page: Page, url: str, strokes: int, hints: int) -> tuple[list[dict[str, Any]], dict[str, float]]:
    """The studio at two zooms and two sizes, hints, and what opening and saving cost."""
    sizes: list[int] = []
    page.on("request", lambda request: sizes.append(len(request.post_data or "")) if "/touchups/save" in request.url else None)
    page.goto(f"{url}/sets")
    page.get_by_role("link", name="Touch-up").wait_for()
    began = time.perf_counter()
    page.get_by_role("link", name="Touch-up").click()
    page.wait_for_selector('[data-part="painter"][data-state="idle"]')
    opened = time.perf_counter() - began
    page.wait_for_selector(REFINED, timeout=300_000)  # so that the process is warm
    began = time.perf_counter()
    with page.expect_response(lambda response: "/touchups/refine" in response.url) as answer:
        page.locator('[data-part="strip"] button:not([aria-current])').first.click()
    page.wait_for_selector(REFINED)
    ready = time.perf_counter() - began
    refined: float = answer.value.json()["seconds"]
    page.keyboard.press("s")
    page.wait_for_selector('[data-part="painter"][data-state="painting"]')
    box = page.locator('[data-part="canvas"]').bounding_box()
    assert box is not None
    side = min(box["width"], box["height"])
    left, top = box["x"] + (box["width"] - side) / 2, box["y"] + (box["height"] - side) / 2
    marked = row(f"Winnow, a hint of size {HINT_SIZE}, answered", hint(page, left, top, side, hints))
    page.keyboard.press("b")
    rows = []
    for zoom in (1, 8):
        for size in (4, 80):
            page.evaluate(SET, [zoom, size])
            samples = draw(page, left, top, side, strokes)
            rows.append(row(f"Winnow, zoom {zoom}, size {size}", samples))
    page.wait_for_function("() => window.__winnowPainter.strokes === window.__winnowPainter.savedStrokes")
    return [*rows, marked], {"open, s": opened, "ready, s": ready, "Refine, s": refined, "save, KB": sizes[-1] / 1024}


def bare(page: Page, strokes: int) -> list[dict[str, Any]]:
    """A canvas that draws a line and nothing else."""
    rows = []
    for size in (4, 80):
        page.set_content(BARE.replace("SIZE", str(2 * size)))
        rows.append(row(f"bare canvas, size {size}", draw(page, 0, 0, 800, strokes)))
    return rows


def label_studio(page: Page, package: Path, home: Path, strokes: int) -> list[dict[str, Any]]:
    """The brush of Label Studio's frontend, from its package, on the same photo."""
    settings = Settings(home=home)
    with reading(open_database(settings)) as session:
        photo = Store(settings.store).get(session.get_one(Example, 1).image_sha256)

    def answer(route: Route) -> None:
        path = route.request.url.partition("peer.test")[2].partition("?")[0]
        file = package / "build" / path.lstrip("/")
        if path == "/":
            route.fulfill(body=PEER, content_type="text/html")
        elif path == "/photo.png":
            route.fulfill(body=photo)
        elif file.is_file():
            route.fulfill(body=file.read_bytes(), content_type=mimetypes.guess_type(file.name)[0] or "text/plain")
        else:
            route.fulfill(status=404)

    page.route("http://peer.test/**", answer)
    page.goto("http://peer.test/", wait_until="domcontentloaded")
    page.wait_for_function("() => window.ready === true")
    page.wait_for_selector("canvas")
    page.wait_for_timeout(1500)  # until it has fitted the picture
    page.keyboard.press("1")
    # It listens to mouse events, not to pointer events.
    page.evaluate("() => { window.__heard = 'mousemove'; }")
    box = page.locator("canvas").first.bounding_box()
    assert box is not None
    side = min(box["width"], box["height"])
    return [row("Label Studio 1.0.1, its brush", draw(page, box["x"], box["y"], side, strokes))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--strokes", type=int, default=200)
    parser.add_argument("--hints", type=int, default=20)
    parser.add_argument("--data", type=Path, default=None, help="a folder of real photos and masks")
    parser.add_argument("--label-studio", type=Path, default=None, help="its unpacked npm package")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        home = Path(folder)
        prepare(home, given.data)
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        with serving(ROOT / "streamlit_app.py", home, WINNOW_TOUCHUP_SECONDS="36000") as url:
            rows, costs = ours(browser.new_page(viewport={"width": 1440, "height": 900}), url, given.strokes, given.hints)
        rows += bare(browser.new_page(viewport={"width": 1440, "height": 900}), given.strokes)
        if given.label_studio:
            page = browser.new_page(viewport={"width": 1440, "height": 900})
            rows += label_studio(page, given.label_studio, home, given.strokes)
        browser.close()
    if given.json:
        print(json.dumps({"rows": rows, **costs}))
        return
    print(f"{datetime.now(UTC):%Y-%m-%d}, {machine()}; {given.strokes} strokes of {MOVES} moves each\n")
    print("| painter | frame, ms | p95 | last / first |\n|---|---|---|---|")
    for each in rows:
        print(f"| {each['painter']} | {each['median']:.1f} | {each['p95']:.1f} | {each['last / first']:.2f} |")
    print("\n" + ", ".join(f"{name} {value:.2f}" for name, value in costs.items()))


if __name__ == "__main__":
    main()
