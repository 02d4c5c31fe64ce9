"""The gate of the live page: whatever does not come from the page itself with its token is refused."""

import contextlib
import json
import socket
from collections.abc import Iterator

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from page_browser import Page, open_page

GRAPH = """rotonodes: 1
frames: 1-4
nodes:
  flat: {type: Constant, size: [4, 4], color: "#804020"}
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    root = tmp_path_factory.mktemp("gate")
    (root / "graph.yaml").write_text(GRAPH)
    (root / "inside").mkdir()
    (root / "inside" / "a.0001.png").write_bytes(b"x")
    (root / "inside" / "a.0002.png").write_bytes(b"x")
    outside = tmp_path_factory.mktemp("outside")
    (outside / "secret.png").write_bytes(b"x")
    (root / "door").symlink_to(outside)
    with open_page(root / "graph.yaml", root) as page:
        yield page


def raw(page: Page, text: str) -> str:
    """The status line of the answer to a request written out."""
    with socket.create_connection(("127.0.0.1", page.server.port), timeout=60) as connection:
        connection.sendall(text.replace("\n", "\r\n").encode())
        return connection.recv(4096).split(b"\r\n")[0].decode()


def test_the_address_with_the_token_gives_a_cookie_that_opens_the_page(page: Page) -> None:
    answer = page.ask("/", headers={}, token=page.server.token)
    assert answer.status == 303
    assert answer.headers["location"] == "/"
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=Strict" in cookie
    assert page.ask("/api/graph", headers={"Cookie": cookie.split(";")[0]}).status == 200
    assert page.server.token not in answer.headers["location"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"Authorization": "Bearer wrong"}, 401),
        ({"Authorization": "Basic {token}"}, 401),
        ({"Cookie": "rotonodes_{port}=wrong"}, 401),
        ({"Cookie": "rotonodes_1={token}"}, 401),
        ({"Authorization": "Bearer {token}", "Origin": "null"}, 403),
        ({"Authorization": "Bearer {token}", "Origin": "http://evil.example"}, 403),
        ({"Authorization": "Bearer {token}", "Origin": "http://127.0.0.1:1"}, 403),
        ({"Authorization": "Bearer {token}", "Origin": "https://127.0.0.1:{port}"}, 403),
        ({"Authorization": "Bearer {token}", "Host": "evil.example:{port}"}, 403),
        ({"Authorization": "Bearer {token}", "Host": "127.0.0.1"}, 403),
        ({"Authorization": "Bearer {token}", "Sec-Fetch-Site": "cross-site"}, 403),
        ({"Authorization": "Bearer {token}", "Origin": "http://127.0.0.1:{port}"}, 200),
        ({"Authorization": "Bearer {token}", "Host": "localhost:{port}"}, 200),
    ],
)
def test_what_is_not_from_the_page_is_refused(page: Page, headers: dict[str, str], status: int) -> None:
    sent = {name: value.format(token=page.server.token, port=page.server.port) for name, value in headers.items()}
    assert page.ask("/api/graph", headers=sent).status == status


@pytest.mark.parametrize("path", ["/", "/api/types", "/api/picture?node=flat", "/api/files", "/assets/x.js", "/api/live", "/nothing"])
def test_no_route_answers_without_the_token(page: Page, path: str) -> None:
    assert page.ask(path, headers={}).status == 401
    assert page.ask("/", headers={}, token="wrong").status == 401


def test_two_hosts_and_no_host_are_refused(page: Page) -> None:
    token, port = page.server.token, page.server.port
    refused = raw(page, f"GET /api/graph HTTP/1.0\nAuthorization: Bearer {token}\n\n")
    assert refused.split()[1] in ("400", "403")
    both = raw(page, f"GET /api/graph HTTP/1.1\nHost: 127.0.0.1:{port}\nHost: evil\nAuthorization: Bearer {token}\n\n")
    assert both.split()[1] in ("400", "403")


def test_answers_let_no_other_host_in(page: Page) -> None:
    headers = page.ask("/api/graph").headers
    assert "default-src 'self'" in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert "access-control-allow-origin" not in headers


@pytest.mark.parametrize("origin", ["null", "http://evil.example", "http://127.0.0.1:1"])
def test_a_socket_of_another_page_is_refused(page: Page, origin: str) -> None:
    headers = {"Authorization": f"Bearer {page.server.token}"}
    with pytest.raises(InvalidStatus), page.socket(additional_headers=headers, origin=origin):
        pass


def test_a_socket_without_the_token_is_refused(page: Page) -> None:
    with pytest.raises(InvalidStatus), page.socket(additional_headers={}):
        pass


def test_a_message_of_100_mb_closes_its_socket_and_nothing_else(page: Page) -> None:
    with page.socket() as socket:
        socket.hear("graph")
        with pytest.raises(ConnectionClosed) as closed:
            socket.connection.send("x" * 100_000_000)
            socket.connection.recv(timeout=60)
        assert closed.value.rcvd is None or closed.value.rcvd.code in (1009, 1006)
    assert page.ask("/api/graph").status == 200


def test_a_body_of_100_mb_is_refused_before_it_is_read(page: Page) -> None:
    token, port = page.server.token, page.server.port
    head = (
        f"PUT /api/labels?path=a.png&frame=1 HTTP/1.1\nHost: 127.0.0.1:{port}\nAuthorization: Bearer {token}\nContent-Length: 100000000\n\n"
    )
    assert raw(page, head).split()[1] == "413"
    assert page.ask("/api/graph").status == 200


def test_a_body_without_a_length_ends_at_the_limit(page: Page) -> None:
    token, port = page.server.token, page.server.port
    head = f"PUT /api/labels?path=a.png HTTP/1.1\nHost: 127.0.0.1:{port}\nAuthorization: Bearer {token}\nTransfer-Encoding: chunked\n\n"
    block = b"%x\r\n" % 1_000_000 + b"x" * 1_000_000 + b"\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(head.replace("\n", "\r\n").encode())
        with contextlib.suppress(OSError):  # it need not read the rest
            for _ in range(40):
                connection.sendall(block)
        assert b" 413 " in connection.recv(4096).split(b"\r\n")[0]


@pytest.mark.parametrize(
    "path", ["..", "../outside", "inside/../..", "/etc", "~", "C:\\Windows", "\\\\server\\share", "door", "inside\0", "..\\x"]
)
def test_files_are_listed_below_the_root_only(page: Page, path: str) -> None:
    answer = page.ask("/api/files", below=path)
    assert answer.status == 403, answer.body
    assert answer.json()["message"]


def test_files_below_the_root(page: Page) -> None:
    found = page.ask("/api/files").json()
    assert found["folders"] == ["inside"], "a link that leads out is no folder"
    assert found["files"] == ["graph.yaml"]
    inside = page.ask("/api/files", below="inside", pattern="*.PNG").json()
    assert inside["sequences"] == [{"pattern": "a.####.png", "frames": "1-2"}]
    assert page.ask("/api/files", below="nowhere").status == 400


@pytest.mark.parametrize("path", ["../a.png", "/tmp/a.png", "door/a.png", "inside/../../a.png", "a.gif", ""])
def test_labels_are_written_below_the_root_only(page: Page, path: str) -> None:
    answer = page.ask("/api/labels", "PUT", b"\x89PNG", path=path, frame=1)
    assert answer.status in (400, 403)
    assert (
        "below the root" in answer.json()["message"] or "out of the root" in answer.json()["message"] or "png" in answer.json()["message"]
    )


@pytest.mark.parametrize("name", ["..%2f..%2fserver.py", "%2e%2e/gate.py", ".hidden", "a%00.js"])
def test_assets_are_those_that_were_built(page: Page, name: str) -> None:
    assert page.ask(f"/assets/{name}").status in (400, 404)


@pytest.mark.parametrize(
    "text",
    ["", "x", "[]", "{}", '{"type": "exec"}', '{"type": "edit"}', '{"type": "edit", "ops": [1], "base": 0}', "[" * 100_000,
     '{"type": "positions"}',
     '{"type": "positions", "positions": {"a": [1e999, 0]}}', '{"type": "look", "nodes": 3}', '{"type": "run", "outputs": 3}'],
)  # fmt: skip
def test_messages_that_are_none_are_answered_in_one_line(page: Page, text: str) -> None:
    with page.socket() as socket:
        socket.hear("graph")
        socket.connection.send(text)
        answer = socket.hear("error")
        assert answer["message"] and "\n" not in answer["message"]
        socket.send("undo")
        assert socket.hear("ok")["moved"] is False


@pytest.mark.parametrize(
    "op",
    [
        {"op": "link", "node": "flat", "input": {}, "to": "x"},
        {"op": "set", "node": ["flat"], "param": "size", "value": 1},
        {"op": "insert", "node": "flat", "between": [1, 2, 3]},
        {"op": "remove", "nodes": [{}]},
        {"op": "frames", "value": {"a": []}},
        {"op": ["set"]},
    ],
    ids=str,
)
def test_edits_with_values_of_a_wrong_kind_change_nothing(page: Page, op: dict[str, object]) -> None:
    with page.socket() as socket:
        revision = socket.hear("graph")["revision"]
        answer = socket.edit(revision, op)
        if answer["type"] == "ok":  # a value that a graph may hold, with a fault on it
            socket.send("undo")
            socket.hear("ok")
        else:
            assert answer["message"] and "\n" not in answer["message"]
    assert page.ask("/api/graph").json()["text"] == GRAPH


def test_a_query_that_is_no_number(page: Page) -> None:
    for query in ({"frame": "x"}, {"frame": "9" * 30}, {"scale": 3}, {"view": "z"}, {"width": -1}, {"node": ""}):
        answer = page.ask("/api/picture", **{"node": "flat", **query})
        assert answer.status == 400
        assert json.loads(answer.body)["message"]
