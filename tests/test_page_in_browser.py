"""The live page in a real browser: what people do with it, by pointer and by keyboard."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from page_chromium import View, view_of
from page_chromium import chromium as chromium

pytestmark = pytest.mark.xdist_group("browser")  # one browser, and torch loaded once

GRAPH = """rotonodes: 1
frames: 1-4
nodes:
  back: {type: Ramp, size: [64, 36], color_start: "#102030", color_end: "#405060"}
  tones: {type: LoadLabels, path: "labels.####.png"}
  # colours of the studio
  paint:
    type: PaintTones
    in: tones
    palette: {midtone: "#e0a458", highlight: "#fff4d6"}  # warm
  comp: {type: Composite, in: {fg: paint, bg: back}}
  png: {type: WriteFrames, in: comp, path: "out/flat.####.png"}
"""
PALETTE = [0, 0, 0, 60, 60, 90, 120, 60, 75, 224, 164, 88, 255, 244, 214]
IN_THE_MIDTONE, IN_THE_HIGHLIGHT = (0.25, 0.5), (0.75, 0.5)  # of the labels: shares of width and height

OBJECTS = """  objects:
    type: PaintObjects
    in: {labels: tones}
    objects:
      Lamp*: {midtone: "#102030 #405060"}  # bottom to top
      Ball: clay
"""


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    """A graph of five nodes: midtone on the left, highlight on the right."""
    classes = np.full((36, 64), 3, np.uint8)
    classes[:, 32:] = 4
    for frame in range(1, 5):
        picture = Pillow.fromarray(classes)
        picture.putpalette(PALETTE)
        picture.save(tmp_path / f"labels.{frame:04d}.png")
    file = tmp_path / "graph.yaml"
    file.write_text(GRAPH)
    return file


@pytest.fixture
def view(chromium: Any, graph: Path) -> Iterator[View]:
    with view_of(chromium, graph) as view:
        yield view


def test_every_node_shows_its_picture_and_the_viewer_what_is_written(view: View) -> None:
    view.until("() => document.querySelectorAll('.card .thumbnail img').length === 5")
    view.until_color('[data-node="paint"] .thumbnail img', IN_THE_MIDTONE, (0xE0, 0xA4, 0x58))
    view.until_color(".viewer .picture", IN_THE_HIGHLIGHT, (0xFF, 0xF4, 0xD6))
    assert view.tab.locator(".source.side-A select").input_value() == "comp.image"
    assert view.tab.title() == "graph.yaml · rotonodes"
    view.until("() => document.querySelector('[data-node=\"paint\"] .took').textContent.endsWith('ms')")
    box = view.tab.locator(".viewer .picture").bounding_box()
    view.tab.mouse.move(box["x"] + box["width"] * 0.25, box["y"] + box["height"] / 2)
    view.until("() => document.querySelector('.readout').textContent.includes('16, 18')")
    view.select("tones")
    view.tab.keyboard.press("1")
    view.tab.mouse.move(box["x"] + box["width"] * 0.75, box["y"] + box["height"] / 2, steps=3)
    view.until("() => document.querySelector('.readout .class')?.textContent === 'highlight'")
    view.tab.keyboard.press("Shift+1")
    assert view.tab.locator(".wipe").is_visible()


def test_the_first_picture_is_shown_though_others_are_asked_for_then(chromium: Any, graph: Path) -> None:
    """Small frames are asked for again without a proxy: what came until then is not thrown away."""
    held: list[Any] = []

    def hold(tab: Any) -> None:
        # the viewer's too: were its picture first, the frame would be known for small before a thumbnail is asked for
        tab.route("**/api/picture?*scale=1*", lambda route: held.append(route))

    with view_of(chromium, graph, before=hold) as view:
        view.until("() => document.querySelector('.card .thumbnail img')")
        while not any("&width=" in route.request.url for route in held):
            view.tab.wait_for_timeout(50)
        assert view.tab.locator(".card .thumbnail img").count() >= 1
        view.tab.unroute_all(behavior="ignoreErrors")


def test_a_changed_colour_is_seen_and_written_and_undone(view: View) -> None:
    view.select("paint")
    field = view.tab.get_by_label("midtone: colour as text")
    assert field.input_value() == "#e0a458"
    field.fill("#3366cc")
    field.press("Enter")
    view.until_color(".viewer .picture", IN_THE_MIDTONE, (0x33, 0x66, 0xCC))
    view.until_color('[data-node="png"] .thumbnail img', IN_THE_MIDTONE, (0x33, 0x66, 0xCC))
    assert view.graph.read_text() == GRAPH.replace("#e0a458", "#3366cc")  # comments and order stay
    view.tab.get_by_role("button", name="undo").click()
    view.until_color(".viewer .picture", IN_THE_MIDTONE, (0xE0, 0xA4, 0x58))
    assert view.graph.read_text() == GRAPH
    view.tab.keyboard.press("Control+Shift+Z")
    view.until_text("#3366cc")
    # the picker sends what is dragged as it goes: all of it is one step
    view.tab.get_by_label("midtone: pick a colour").evaluate(
        """async (input) => {
          const set = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set;
          for (const color of ["#000001", "#000002", "#000003", "#00aa55"]) {
            set.call(input, color);
            input.dispatchEvent(new Event("input", { bubbles: true }));
            await new Promise((resolve) => setTimeout(resolve, 70));
          }
        }"""
    )
    view.until_text("#00aa55")
    view.tab.get_by_role("button", name="undo").click()
    view.until_same(GRAPH.replace("#e0a458", "#3366cc"))


def test_wires_are_drawn_refused_moved_and_cut(view: View) -> None:
    view.drag(view.socket("tones", "out", "labels"), view.socket("comp", "in", "fg"))  # labels are no picture
    view.tab.locator(".notices .error").wait_for()
    assert view.graph.read_text() == GRAPH
    view.drag(view.socket("paint", "out", "image"), view.socket("back", "in", "like"))
    view.until_text("type: Ramp, in: paint")
    view.drag(view.socket("comp", "out", "image"), view.socket("paint", "in", "image"))
    view.until("() => [...document.querySelectorAll('.notices p')].some((one) => one.textContent.includes('wait for itself'))")
    assert "image: comp" not in view.graph.read_text()
    view.tab.keyboard.press("Control+z")
    view.until_same(GRAPH)
    # while a wire is pulled, sockets that cannot take it are dim
    start = view.socket("tones", "out", "labels").bounding_box()
    view.tab.mouse.move(start["x"] + 3, start["y"] + 3)
    view.tab.mouse.down()
    view.tab.mouse.move(start["x"] + 40, start["y"] + 40, steps=4)
    view.until('() => getComputedStyle(document.querySelector(\'[data-node="comp"] [data-handleid="in:fg"]\')).opacity < 0.5')
    view.until("() => getComputedStyle(document.querySelector('[data-node=\"back\"] [data-handleid=\"in:like\"]')).opacity === '1'")
    # let go over nothing: the list of nodes that take labels, and the new one is linked
    view.tab.mouse.move(start["x"] + 30, start["y"] + 150, steps=4)
    view.tab.mouse.up()
    view.add("tonesplit")
    view.until_text("type: ToneSplit, in: tones")


def test_a_node_dropped_on_a_wire_goes_between(view: View) -> None:
    view.tab.keyboard.press("Escape")
    view.tab.keyboard.press("Shift+A")
    view.add("Grade")
    view.until_text("type: Grade")
    view.card("grade").wait_for()
    line = view.tab.locator('[data-id="paint.image>comp.fg"] path').first
    middle = line.evaluate("""(path) => {
      const point = path.getPointAtLength(path.getTotalLength() / 2).matrixTransform(path.getScreenCTM());
      return [point.x, point.y];
    }""")
    head = view.card("grade", " header").bounding_box()
    view.tab.mouse.move(head["x"] + 20, head["y"] + 10)
    view.tab.mouse.down()
    view.tab.mouse.move(*middle, steps=8)
    view.tab.mouse.up()
    text = view.until_text("fg: grade")
    assert "in: paint" in text
    assert "# colours of the studio" in text


def test_a_palette_is_made_by_class_or_by_name(view: View) -> None:
    view.select("paint")
    view.tab.get_by_label("midtone: take out of the palette").click()
    view.until_text('palette: {highlight: "#fff4d6"}  # warm')
    view.tab.get_by_label("add a class or a name to the palette").fill("form_shadow")
    view.until_text("form_shadow: ")
    view.tab.get_by_label("palette: back to the default", exact=True).click()
    view.until("() => document.querySelectorAll('.params .swatch').length === 0")
    name = view.tab.get_by_placeholder("or the name of a palette, or a file")
    name.fill("sunset")
    name.press("Enter")
    view.until_text("palette: sunset")
    view.until("() => document.querySelector('.card[data-node=\"paint\"]').dataset.state !== 'failed'")


def test_each_object_has_its_palette(chromium: Any, graph: Path) -> None:
    graph.write_text(GRAPH + OBJECTS + '  model: {type: LoadModel, path: "none.safetensors"}\n')
    with view_of(chromium, graph) as view:
        view.select("objects")
        assert view.tab.locator(".params .field label").first.text_content() == "objects"
        # the ends of a gradient have a picker each
        field = view.tab.get_by_label("Lamp*, midtone 2: colour as text")
        assert field.input_value() == "#405060"
        field.fill("#ffffff")
        field.press("Enter")
        view.until_text('Lamp*: {midtone: "#102030 #ffffff"}', "Ball: clay")
        # a palette that ships by its name, and its colours to begin with
        palette = view.tab.get_by_label("Ball: palette", exact=True)
        assert palette.input_value() == "clay"
        palette.select_option("sunset")
        view.until_text("Ball: sunset")
        assert view.tab.locator(".object .strip i").count() == 4
        palette.select_option(label="own colours")
        text = view.until_text('midtone: "#e0814f"')
        assert "ground_shadow" not in text
        # other names, another object, and one less
        names = view.tab.get_by_label("Ball: names of objects")
        names.fill("Ball, Box")
        names.press("Enter")
        view.until_text('"Ball, Box": ', "midtone: ")
        added = view.field("objects")
        added.fill("Cup")
        added.press("Enter")
        view.until_text("Cup: berry")
        view.tab.get_by_label("Cup: take its palette out").click()
        view.tab.get_by_label("Ball, Box: take its palette out").click()
        view.until("() => document.querySelectorAll('.params .object').length === 1")
        assert "Cup" not in view.graph.read_text() and "Box" not in view.graph.read_text()
        view.tab.get_by_label("Lamp*: take its palette out").click()
        view.until("() => document.querySelectorAll('.params .object').length === 0")
        view.until_text("objects:\n    type: PaintObjects")
        # of nodes that are found by the same word, those that can be linked to the selected one come first
        view.select("model")
        view.tab.keyboard.press("Tab")
        view.add("segment")
        view.until_text("type: UNetSegment, in: {model: model}")


def test_what_a_picture_waits_for_is_said(chromium: Any, graph: Path) -> None:
    with view_of(chromium, graph, before=lambda tab: tab.route("**/api/picture?*", lambda route: None)) as view:
        view.until("() => document.querySelector('.stage .empty')?.textContent === 'making the picture …'")
        tell = view.page.server.session.live.tell
        tell("tones", 1, "running", 0.0, "")
        view.until("() => document.querySelector('.stage .empty').textContent === 'making the picture … tones is running'")
        tell("tones", 1, "done", 5.0, "")
        tell("comp", 1, "running", 0.0, "")  # itself
        view.until("() => document.querySelector('.stage .empty').textContent === 'making the picture …'")
        view.tab.unroute_all(behavior="ignoreErrors")


def test_everything_by_keyboard(view: View) -> None:
    keys = view.tab.keyboard
    view.until("() => document.activeElement.classList.contains('graph')")
    for _ in range(3):
        keys.press("ArrowDown")  # the first node, then along the wires
    view.card("comp", ".selected").wait_for()
    keys.press("Tab")
    view.add("blur")
    view.card("blur", ".selected").wait_for()
    view.until_text("type: Blur, in: comp")
    keys.press("1")
    view.until("() => document.querySelector('.source.side-A select').value === 'blur.image'")
    keys.press("Enter")  # to the parameters
    view.until("() => document.activeElement.classList.contains('name')")
    for _ in range(20):
        keys.press("Tab")
        if view.tab.evaluate("() => document.activeElement.closest('.field')?.textContent.startsWith('size')"):
            break
    keys.press("ArrowUp")
    keys.press("ArrowUp")
    view.until("() => document.activeElement.value !== ''")
    view.until_text("size: ")
    keys.press("Escape")
    keys.press("d")
    view.until_text("disable: true")
    view.card("blur", ".is-disabled").wait_for()
    keys.press("ArrowRight")
    view.until("() => document.querySelector('.frame-number').value === '2'")
    keys.press("Control+c")
    keys.press("Control+v")
    view.card("blur2", ".selected").wait_for()
    keys.press("Delete")
    view.until("() => !document.querySelector('[data-node=\"blur2\"]')")
    # another source for an input, from the list of what fits
    keys.press("Control+f")
    view.add("png")
    view.card("png", ".selected").wait_for()
    view.tab.locator(".params").get_by_label("image: input", exact=True).focus()
    keys.type("back")
    view.until_text("in: back")
    keys.press("Escape")
    keys.press("F6")
    view.until("() => document.activeElement.classList.contains('viewer') || document.activeElement.closest('.params') !== null")
    keys.press("?")
    view.tab.locator(".keys").wait_for()
    keys.press("Escape")
    keys.press("Control+Enter")
    view.tab.locator(".runner.is-done").wait_for()
    assert (view.graph.parent / "out" / "flat.0004.png").is_file()


def test_a_run_and_a_frame_that_fails(view: View, graph: Path) -> None:
    view.tab.get_by_role("button", name="Run").click()
    view.tab.locator(".runner.is-done").wait_for()
    with Pillow.open(graph.parent / "out" / "flat.0003.png") as written:
        assert written.convert("RGB").getpixel((16, 18)) == (0xE0, 0xA4, 0x58)
    (graph.parent / "labels.0002.png").write_bytes(b"no picture")
    view.tab.get_by_label("frame", exact=True).fill("2")
    view.tab.keyboard.press("Enter")
    view.card("tones", ".is-failed").wait_for()
    assert "labels.0002.png" in view.card("tones", " .fault").inner_text()
    view.tab.locator(".failure").wait_for()  # the viewer says why it has no picture
    assert not view.card("back", ".is-failed").count()
    view.tab.get_by_label("frame", exact=True).fill("3")
    view.tab.keyboard.press("Enter")
    view.until_color(".viewer .picture", IN_THE_MIDTONE, (0xE0, 0xA4, 0x58))


def test_another_editor_saves_the_file(view: View, graph: Path) -> None:
    view.until_color(".viewer .picture", IN_THE_MIDTONE, (0xE0, 0xA4, 0x58))
    graph.write_text(GRAPH.replace("#e0a458", "#aa3311") + "  sheet: {type: ContactSheet, in: comp, path: out/sheet.png}\n")
    view.card("sheet").wait_for()
    view.until_color(".viewer .picture", IN_THE_MIDTONE, (0xAA, 0x33, 0x11))
    broken = GRAPH.replace("in: tones", "in: tonse")
    graph.write_text(broken)
    view.card("paint", ".is-failed").wait_for()
    assert "line 9, column 9" in view.card("paint", " .fault").inner_text()
    view.tab.locator(".top-bar .faults").click()
    view.tab.locator(".params button.fault").first.click()
    view.card("paint", ".selected").wait_for()
    graph.write_text("rotonodes: 1\nnodes: [")
    view.until("() => document.querySelector('.link').textContent === 'text cannot be read'")
    view.card("comp").wait_for()  # what could be read last stays in sight
    assert graph.read_text() == "rotonodes: 1\nnodes: ["
    graph.write_text(GRAPH)
    view.until("() => document.querySelector('.link').textContent === 'saved'")


def test_an_edit_that_would_overwrite_anothers_is_not_made(chromium: Any, graph: Path) -> None:
    held: list[Any] = []

    def hold_news(tab: Any) -> None:
        """Between page and server: news of the file do not get to the page."""

        def between(socket: Any) -> None:
            server = socket.connect_to_server()
            server.on_message(lambda text: held.append(text) if '"by": "file"' in text else socket.send(text))

        tab.route_web_socket("**/api/live", between)

    with view_of(chromium, graph, before=hold_news) as view:
        view.select("paint")
        field = view.tab.get_by_label("midtone: colour as text")
        field.wait_for()
        theirs = GRAPH.replace("#e0a458", "#aa3311").replace("# warm", "# theirs")
        graph.write_text(theirs)
        field.fill("#3366cc")
        field.press("Enter")
        view.tab.locator(".notices .conflict, .notices .error").first.wait_for()
        assert "changed meanwhile" in view.tab.locator(".notices").inner_text()
        assert graph.read_text() == theirs
        view.until("() => document.querySelector('.swatch .hex').value === '#aa3311'")  # what the file holds now
        field.fill("#3366cc")
        field.press("Enter")
        view.until_same(theirs.replace("#aa3311", "#3366cc"))


def test_of_a_thousand_nodes_only_those_in_sight_are_drawn(chromium: Any, tmp_path: Path) -> None:
    rows = ["  c: {type: Constant, size: [8, 8]}", *(f"  n{n}: {{type: Grade, in: {f'n{n - 1}' if n % 25 else 'c'}}}" for n in range(999))]
    graph = tmp_path / "graph.yaml"
    graph.write_text("\n".join(["rotonodes: 1", "frames: 1", "nodes:", *rows]) + "\n")
    with view_of(chromium, graph) as view:
        view.until("() => document.querySelector('.graph').dataset.zoom === 'speck' && document.querySelector('.far-cards path')")
        assert view.card("n0").count() == 0  # all are boxes of one drawing
        view.tab.keyboard.press("Control+f")
        view.add("n512")
        view.card("n512", ".selected").wait_for()
        view.until("() => { const n = document.querySelectorAll('.card').length; return n > 1 && n < 100; }")
        view.until("() => document.querySelector('[data-node=\"n512\"] .thumbnail img')")


def test_values_are_checked_as_they_are_typed(view: View) -> None:
    frames = view.tab.get_by_label("frames", exact=True)
    frames.fill("1-x")
    view.tab.locator(".frames .wrong").wait_for()
    frames.press("Enter")
    assert "frames: 1-4" in view.graph.read_text()
    frames.fill("1-3")
    view.until("() => !document.querySelector('.frames .wrong')")
    frames.press("Enter")
    view.until_text("frames: 1-3")
    view.until("() => document.querySelector('.timeline .end:last-child').textContent === '3'")
    view.select("tones")
    view.tab.get_by_label("path: choose a file").click()
    view.tab.locator(".files li button", has_text="labels.####.png").wait_for()
    view.tab.keyboard.press("Escape")
    view.select("paint")
    view.tab.get_by_label("name of the node").fill("not a name")
    view.tab.keyboard.press("Enter")
    view.tab.locator(".notices .error").wait_for()
    assert view.tab.get_by_label("name of the node").input_value() == "paint"


def test_labels_are_painted_filled_and_saved(view: View, graph: Path) -> None:
    view.select("tones")
    view.tab.keyboard.press("p")
    canvas = view.tab.locator("canvas.labels")
    canvas.wait_for()
    view.tab.get_by_label("file", exact=True).fill("painted/labels.####.png")
    view.tab.locator(".paint-bar .classes label", has_text="form shadow").click()
    view.tab.get_by_role("button", name="Fill").click()
    box = view.tab.locator(".viewer .picture").bounding_box()
    view.tab.mouse.click(box["x"] + box["width"] * 0.25, box["y"] + box["height"] * 0.9)
    view.tab.get_by_role("button", name="Brush").click()
    view.tab.locator(".paint-bar .classes label", has_text="cast shadow").click()
    middle = box["y"] + box["height"] / 2
    view.tab.mouse.move(box["x"] + box["width"] * 0.4, middle)
    view.tab.mouse.down()
    view.tab.mouse.move(box["x"] + box["width"] * 0.9, middle, steps=6)
    view.tab.mouse.up()
    view.tab.get_by_role("button", name="Save labels").click()
    view.until("() => document.querySelector('.paint-bar [role=status]').textContent.startsWith('saved')")
    with Pillow.open(graph.parent / "painted" / "labels.0001.png") as saved:
        assert saved.mode == "P"
        classes = np.array(saved)
    assert classes[33, 10] == 2 and classes[2, 10] == 2  # filled, up to the border of the class
    assert classes[33, 50] == 4
    assert (classes[18, 30:55] == 1).all()  # brushed across the border
    assert classes[2, 40] == 4
    view.tab.get_by_role("button", name="Add LoadLabels").click()
    view.until_text('painted: {type: LoadLabels, path: "painted/labels.####.png"}')


def test_painted_labels_are_read_with_their_classes(chromium: Any, graph: Path) -> None:
    classes = "[background, cast_shadow, form_shadow, midtone, highlight, ground_shadow]"
    graph.write_text(GRAPH.replace('"labels.####.png"', f'"labels.####.png", classes: {classes}'))
    with view_of(chromium, graph) as view:
        view.select("tones")
        view.tab.keyboard.press("p")
        view.tab.locator(".paint-bar .classes label", has_text="ground shadow").click()
        view.tab.get_by_role("button", name="Fill").click()
        box = view.tab.locator(".viewer .picture").bounding_box()
        view.tab.mouse.click(box["x"] + box["width"] * 0.75, box["y"] + box["height"] / 2)
        view.tab.get_by_label("file", exact=True).fill("painted/labels.####.png")
        view.tab.get_by_role("button", name="Save labels").click()
        view.tab.get_by_role("button", name="Add LoadLabels").wait_for()
        # a node that is no network knows no worst frame, and what was saved can still be read
        view.tab.get_by_role("button", name="Next worst").click()
        view.until("() => document.querySelector('.paint-bar [role=status]').textContent.startsWith('only a network can say')")
        view.tab.get_by_role("button", name="Add LoadLabels").click()
        view.until_text(f'painted: {{type: LoadLabels, path: "painted/labels.####.png", classes: {classes}}}')
        view.until("() => document.querySelector('.card[data-node=\"painted\"]')?.dataset.state === 'done'")


# Fields of the selected node whose accessible name does not begin with the text that is seen beside them (WCAG 2.5.3).
_MISNAMED = """() => [...document.querySelectorAll('.params .row:not(:has(.swatch)), .params .swatch')].flatMap((row) => {
  const seen = (row.querySelector('label') ?? row.querySelector('span')).textContent.trim();
  return [...row.querySelectorAll('input:not([placeholder]), select, button')].map((one) => [seen, one.getAttribute('aria-label') ?? seen]);
}).filter(([seen, name]) => !name.replace(/^[^,]*, /, '').startsWith(seen))"""


def test_fields_are_called_what_one_sees(chromium: Any, graph: Path) -> None:
    graph.write_text(GRAPH + OBJECTS.replace("Ball: clay", 'Ball: {form_shadow: "#102030"}'))
    with view_of(chromium, graph) as view:
        for node in ("paint", "comp", "objects"):
            view.select(node)
            view.tab.locator(".params .row select").first.wait_for()
            view.until("(node) => document.querySelector('.params .name').value === node", node)
            assert view.tab.evaluate(_MISNAMED) == []
        assert view.tab.get_by_label("Ball, form shadow: colour as text").input_value() == "#102030"
        assert view.tab.get_by_label("labels: input", exact=True).input_value() == "tones.labels"


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_axe_finds_no_serious_fault(chromium: Any, graph: Path, theme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs the package axe-playwright-python").Axe()
    graph.write_text(GRAPH + OBJECTS)
    with view_of(chromium, graph, theme=theme) as view:
        view.until("() => document.querySelectorAll('.card .thumbnail img').length >= 5")
        view.select("paint")
        view.tab.get_by_label("midtone: colour as text").wait_for()
        found = [axe.run(view.tab).response]
        view.select("objects")
        view.tab.get_by_label("Ball: palette", exact=True).wait_for()
        found.append(axe.run(view.tab).response)
        view.select("paint")
        view.tab.keyboard.press("p")
        view.tab.locator("canvas.labels").wait_for()
        view.tab.keyboard.press("Tab")
        view.tab.locator(".finder").wait_for()
        found.append(axe.run(view.tab).response)
    serious = [one for page in found for one in page["violations"] if one["impact"] in ("serious", "critical")]
    assert not serious, json.dumps([(one["id"], [node["html"][:200] for node in one["nodes"]]) for one in serious], indent=1)
