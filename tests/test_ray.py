"""`sweep --ray`, on a local cluster of two nodes: `pytest -m ray`, where Ray is installed."""

import socket
import threading

import pytest
from program import real
from provider import Provider, Reply

from harness.talk import transcript

ray = pytest.importorskip("ray")
from ray.cluster_utils import Cluster  # noqa: E402

pytestmark = [pytest.mark.ray, pytest.mark.timeout(1200)]


@pytest.fixture
def cluster(monkeypatch):
    """A head that takes no tasks, and two nodes with one CPU each."""
    monkeypatch.setenv("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "1")
    # Where other programs take the processors, Ray's own start is what takes long: the head waits
    # half a minute for its dashboard and for each node, then fails or asks again.
    for name in ("raylet_start_wait_time_s", "gcs_server_request_timeout_seconds"):
        monkeypatch.setenv(f"RAY_{name}", "180")
    head = {"num_cpus": 0, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    cluster.nodes = [cluster.add_node(num_cpus=1) for _ in range(2)]
    yield cluster
    ray.shutdown()
    cluster.shutdown()


def command(provider, cluster, turns, runs=6):
    return [
        "sweep",
        *real(provider),
        "--runs",
        runs,
        "--concurrency",
        3,
        "--max-turns",
        turns,
        "--name",
        "s",
        "--ray",
        cluster.address,
    ]


def whole(folder, turns, runs=6):
    """Whether every log of the sweep holds each message once, and its end."""
    logs = [transcript.read(path) for path in sorted(folder.glob("s/*.jsonl"))]
    places = [(turn, seat) for turn in range(turns) for seat in "AB"]
    return len(logs) == runs and all(
        [(m["turn"], m["label"][-1]) for m in log.messages] == places
        and log.events[-1]["type"] == "end"
        for log in logs
    )


def test_a_sweep_runs_as_ray_tasks_on_two_nodes(run, cluster):
    with Provider(lambda body, i: f"words {i}") as provider:
        result = run(*command(provider, cluster, 2))
    assert result.code == 0 and "6 done; $" in result.out, result.out + result.err
    assert len(provider.requests) == 24 and whole(result.folder, 2)
    assert result.out.count("done  opus-sonnet") == 6


def test_a_lost_node_costs_nothing_but_time(run, cluster):
    with Provider(lambda body, i: Reply(f"words {i}", delay=0.2)) as provider:

        def lose_a_node():
            provider.wait_for(18, 120)
            cluster.remove_node(cluster.nodes[0], allow_graceful=False)

        threading.Thread(target=lose_a_node).start()
        result = run(*command(provider, cluster, 8))
    assert result.code == 0 and "6 done; $" in result.out, result.out + result.err
    assert whole(result.folder, 8)
    logs = [transcript.read(path) for path in result.folder.glob("s/*.jsonl")]
    assert sum(len(log.of("resumed")) for log in logs) == 3


def test_ten_lost_nodes_leave_40_runs_whole(start, tmp_path, cluster):
    turns, losses = 8, 10
    with Provider(lambda body, i: Reply(f"words {i}", delay=0.5)) as provider:
        process = start(*command(provider, cluster, turns, 40))
        for number in range(losses):
            provider.wait_for((number + 1) * 40, 300)
            assert process.poll() is None, "it ended before all nodes were lost"
            cluster.nodes.append(cluster.add_node(num_cpus=1))
            cluster.remove_node(cluster.nodes.pop(0), allow_graceful=False)
        out, err = process.communicate(timeout=900)
    assert process.returncode == 0 and "40 done; $" in out, out + err
    assert whole(tmp_path / "logs", turns, 40)
    logs = [transcript.read(path) for path in tmp_path.glob("logs/s/*.jsonl")]
    assert sum(len(log.of("resumed")) for log in logs) >= losses


def test_an_address_that_nobody_answers_is_said_in_one_line(run):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
    result = run("sweep", "-a", "demo/bliss", "-b", "same", "--max-turns", 1, "--ray", address)
    assert result.code == 2 and f"--ray {address}: cannot reach it" in result.err
    assert result.err.count("\n") == 1
