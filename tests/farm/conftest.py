"""What the engines are measured against."""

import pytest
from one_graph import outputs, rotonodes, shot


@pytest.fixture(scope="session")
def one_machine(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What a plain run of the graph delivers."""
    folder = shot(tmp_path_factory.mktemp("one") / "machine")
    done = rotonodes(folder, "run", "graph.yaml", "--progress", "plain")
    assert done.returncode == 0, done.stderr
    made = outputs(folder)
    assert sorted(made) == ["flat.0001.png", "flat.0002.png", "flat.0003.png", "flat.0004.png", "flat.gif"]
    return made
