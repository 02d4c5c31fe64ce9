"""The live page in headless Chromium: `python tests/benchmarks/bench_page.py [--starts 3] [--changes 10] [--nodes 1000]`.

Seconds from the start of `rotonodes edit` to the first thumbnail of graphs/flat_tones.yaml, and seconds of a core that the server has
spent by then (Linux), for a graph that was never looked at and for one whose pictures are kept; milliseconds from a change of a colour
to its being seen in the viewer; frames a second while a graph of many nodes is dragged, at three zooms. Needs the extra `page`, the
package playwright and Chromium.
"""

from __future__ import annotations

import argparse
import math
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).parents[2]
COLOR = "#%06x"
SEEN = """async ([color, limit]) => {
  const want = [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16));
  const field = [...document.querySelectorAll(".palette input[type=color]")][2];
  Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set.call(field, color);
  const begun = performance.now();
  field.dispatchEvent(new Event("input", {bubbles: true}));
  const context = new OffscreenCanvas(256, 256).getContext("2d", {willReadFrequently: true});
  while (performance.now() - begun < limit) {
    await new Promise(requestAnimationFrame);
    const picture = document.querySelector(".viewer .picture");
    if (!picture || !picture.complete) continue;
    context.drawImage(picture, 0, 0, 256, 256);
    const data = context.getImageData(0, 0, 256, 256).data;
    let found = 0;
    for (let at = 0; at < data.length; at += 4) found += want.every((code, c) => Math.abs(data[at + c] - code) < 3);
    if (found > 200) return performance.now() - begun;
  }
  return limit;
}"""
TICKS = """() => { window.ticks = []; window.counting = true;
  const tick = (now) => { window.ticks.push(now); if (window.counting) requestAnimationFrame(tick); }; requestAnimationFrame(tick); }"""


@contextmanager
def edited(folder: Path, graph: str) -> Iterator[tuple[str, int]]:
    """`rotonodes edit` of a graph: the address that it prints, and its process."""
    words = [sys.executable, str(ROOT / "cli.py"), "edit", graph, "--no-browser", "--port", "0"]
    with subprocess.Popen(words, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip(), process.pid
        process.terminate()


def core_seconds(process: int) -> float:
    """Seconds of a core that a process has spent; 0 where that cannot be told."""
    stat = Path(f"/proc/{process}/stat")
    if not stat.is_file():
        return 0.0
    user, system = stat.read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def first_thumbnail(tab: Any, folder: Path) -> tuple[float, float]:
    """(seconds from the start of the command, seconds of a core that the server has spent)."""
    begun = time.perf_counter()
    with edited(folder, "graphs/flat_tones.yaml") as (address, process):
        tab.goto(address)
        tab.wait_for_selector(".thumbnail img", timeout=300_000)
        return time.perf_counter() - begun, core_seconds(process)


def colour_changes(tab: Any, folder: Path, count: int) -> list[float]:
    """Milliseconds of each change of the palette's third colour."""
    with edited(folder, "graphs/flat_tones.yaml") as (address, _):
        tab.goto(address)
        tab.wait_for_selector(".viewer .picture", timeout=300_000)
        tab.click("[data-node=paint] header")
        tab.wait_for_selector(".palette input[type=color]")
        found = []
        for number in range(count + 1):
            tab.wait_for_timeout(400)
            found.append(tab.evaluate(SEEN, [COLOR % (0x112233 + number * 0x050709), 20_000]))
        return found[1:]  # the first one loads what later ones have


def drags(tab: Any, folder: Path, nodes: int) -> Iterator[tuple[int, float]]:
    """(turns of the wheel, frames a second) while the graph is dragged for three seconds."""
    lines = ["rotonodes: 1", "frames: 1-2", "nodes:", "  n0: {type: Constant, size: [64, 64]}"]
    lines += [f"  n{number}: {{type: Grade, in: n{max(0, number - 7)}, gain: 1.01}}" for number in range(1, nodes)]
    (folder / "many.yaml").write_text("\n".join(lines) + "\n")
    with edited(folder, "many.yaml") as (address, _):
        tab.goto(address)
        tab.wait_for_selector(".react-flow__viewport :is(.card, path)", state="attached", timeout=300_000)
        box = tab.locator(".graph").bounding_box()
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        for turns in (0, 8, 16):
            tab.keyboard.press("f")
            tab.mouse.move(x, y)
            for _ in range(turns):
                tab.mouse.wheel(0, -120)
                tab.wait_for_timeout(40)
            tab.wait_for_timeout(1500)
            tab.evaluate(TICKS)
            tab.mouse.down(button="middle")
            ends, step = time.perf_counter() + 3, 0
            while time.perf_counter() < ends:
                step += 1
                tab.mouse.move(x + 200 * math.sin(step / 15), y + 60 * math.sin(step / 9))
            tab.mouse.up(button="middle")
            ticks = tab.evaluate("() => { window.counting = false; return window.ticks; }")
            yield turns, 1000 * (len(ticks) - 1) / (ticks[-1] - ticks[0])


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--starts", type=int, default=3, help="starts of `edit` of each kind")
    parser.add_argument("--changes", type=int, default=10, help="changes of a colour")
    parser.add_argument("--nodes", type=int, default=1000, help="nodes of the graph that is dragged")
    args = parser.parse_args(arguments)

    from playwright.sync_api import sync_playwright

    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    with tempfile.TemporaryDirectory() as made, sync_playwright() as playwright:
        folder = Path(made)
        for name in ("graphs", "weights", "examples/shots"):
            shutil.copytree(ROOT / name, folder / name)
        tab = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"]).new_page(viewport={"width": 1280, "height": 800})
        starts: dict[str, list[tuple[float, float]]] = {"never looked at": [], "kept": []}
        for _ in range(args.starts):
            shutil.rmtree(folder / ".rotonodes", ignore_errors=True)
            for found in starts.values():
                found.append(first_thumbnail(tab, folder))
        print("first thumbnail, seconds from the start of `edit`, median (worst)")
        for name, found in starts.items():
            seconds, cores = zip(*found, strict=True)
            print(f"  pictures {name}: {median(seconds):.2f} ({max(seconds):.2f}), of a core by then {median(cores):.2f}")
        changes = colour_changes(tab, folder, args.changes)
        print(f"a change of colour is seen: {median(changes):.0f} ms, at worst {max(changes):.0f} ms, of {len(changes)}")
        for turns, rate in drags(tab, folder, args.nodes):
            print(f"{args.nodes} nodes, dragged after {turns} turns of the wheel: {rate:.0f} frames a second")
        tab.context.browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
