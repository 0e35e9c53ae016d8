#!/usr/bin/env python3
"""The `graphfeed` command against a real server: every subcommand, both ways in.

Long: one server and one set of datasets for all of it.

GRAPHFEED_SERVER and GRAPHFEED_CLI name the programs (ctest sets them).
"""

from __future__ import annotations

import gzip
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "support"))
from server_process import Server
from shared_data import shared_dir  # noqa: E402

# Sizes of the graphs that the tests write: cycles, whose nodes are labelled by their parity.
CYCLES = [3, 4, 5, 6, 7, 8, 3, 4, 5, 12]


def write_tu(folder: pathlib.Path, name: str, gzipped: bool = False) -> None:
    """Cycles as a TU dataset; a graph's label is 10 times its size modulo 2, plus 1."""
    edges, indicator, node_labels = [], [], []
    first = 1
    for number, size in enumerate(CYCLES, 1):
        for node in range(size):
            after = (node + 1) % size
            edges += [f"{first + node}, {first + after}", f"{first + after}, {first + node}"]
            indicator.append(str(number))
            node_labels.append(str(node % 2))
        first += size
    files = {
        "A": edges,
        "graph_indicator": indicator,
        "graph_labels": [str(10 * (size % 2) + 1) for size in CYCLES],
        "node_labels": node_labels,
    }
    folder.mkdir(exist_ok=True)
    for part, lines in files.items():
        text = ("\n".join(lines) + "\n").encode()
        path = folder / f"{name}_{part}.txt"
        if gzipped:
            path.with_name(path.name + ".gz").write_bytes(gzip.compress(text))
        else:
            path.write_bytes(text)


def write_npy(folder: pathlib.Path) -> None:
    """The same graphs as arrays, as `import tu` makes them."""
    folder.mkdir()
    indices, features = [], []
    for size in CYCLES:
        nodes = np.arange(size)
        pairs = np.stack([np.r_[nodes, (nodes + 1) % size], np.r_[(nodes + 1) % size, nodes]])
        indices.append(pairs[:, np.lexsort((pairs[1], pairs[0]))])
        features.append(np.eye(2, dtype=np.float32)[nodes % 2])
    sizes = np.array(CYCLES)
    np.save(folder / "node_ptr.npy", np.r_[0, np.cumsum(sizes)])
    np.save(folder / "edge_counts.npy", (2 * sizes).astype(np.int32))
    np.save(folder / "edges.npy", np.concatenate(indices, axis=1))
    np.save(folder / "features.npy", np.asfortranarray(np.concatenate(features)))
    np.save(folder / "y.npy", sizes % 2)
    schema = {
        "name": "cycles",
        "columns": [
            {"name": "edge_index", "file": "edges.npy"},
            {"name": "x", "file": "features.npy"},
            {"name": "y", "level": "graph"},
        ],
    }
    (folder / "schema.json").write_text(json.dumps(schema))


class EndToEndTest(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="graphfeed-cli-"))
        self.addCleanup(shutil.rmtree, self.folder)
        write_tu(self.folder / "CYCLES", "CYCLES")

    def start_server(self, name: str = "data") -> None:
        self.server = Server(self.folder / name)
        self.addCleanup(self.stop_server)

    def stop_server(self) -> None:
        if self.server is not None:
            self.assertEqual(self.server.stop(), 0)
            self.server = None

    def run_command(self, *arguments: str, code: int = 0, online: bool = True) -> str:
        command = [os.environ["GRAPHFEED_CLI"], *map(str, arguments)]
        if online:
            command += ["--server", self.server.address]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, code, f"{command}\n{done.stdout}\n{done.stderr}")
        return done.stdout if code == 0 else done.stderr

    def test_a_snapshot_restores_the_same_versions(self) -> None:
        self.start_server()
        tu = ["import", "tu", self.folder / "CYCLES", "--name"]
        self.run_command(*tu, "cycles")
        self.run_command(*tu, "cycles", "--transform", "add_self_loops")
        self.run_command(*tu, "other")
        self.run_command("rm", "cycles@1")
        listed = json.loads(self.run_command("ls", "--json"))
        data, copy, back = (self.folder / name for name in ("data", "copy", "back"))
        error = self.run_command("snapshot", copy, "--data-dir", data, code=1, online=False)
        self.assertIn("FAILED_PRECONDITION", error)
        self.assertIn("another process uses the folder", error)
        self.stop_server()

        text = self.run_command("snapshot", copy, "--data-dir", data, online=False)
        for info in listed:
            self.assertIn(f"{info['name']}@{info['version']}", text)
            self.assertIn(info["fingerprint"], text)
        error = self.run_command("restore", copy, "--data-dir", data, code=1, online=False)
        self.assertIn("is not an empty folder", error)
        error = self.run_command(
            "snapshot", self.folder / "x", "--data-dir", self.folder / "CYCLES", code=1,
            online=False,
        )  # fmt: skip
        self.assertIn("is no data folder", error)

        # The copy does not change with the original.
        shutil.rmtree(data)
        self.assertEqual(
            text, self.run_command("restore", copy, "--data-dir", back, online=False)
        )
        self.start_server("back")
        self.assertEqual(json.loads(self.run_command("ls", "--json")), listed)
        self.run_command(*tu, "cycles")
        self.assertIn("cycles@3", self.run_command("ls"))

    def test_the_same_content_again_is_told_or_not_stored(self) -> None:
        self.start_server()
        tu = ["import", "tu", self.folder / "CYCLES", "--name", "cycles"]
        self.assertNotIn("identical", self.run_command(*tu))
        self.assertIn(
            "; identical to cycles@1 (--if-exists same makes no other)", self.run_command(*tu)
        )
        answer = self.run_command(*tu, "--if-exists", "same")
        self.assertTrue(answer.startswith("cycles@1: "), answer)
        self.assertIn("; it was there already", answer)
        info = json.loads(self.run_command(*tu, "--if-exists", "same", "--json"))
        self.assertEqual(info["version"], 1)
        versions = [i["version"] for i in json.loads(self.run_command("ls", "--json"))]
        self.assertEqual(versions, [1, 2])
        folder = ["--data-dir", self.folder / "offline"]
        for _ in range(2):
            answer = self.run_command(*tu, "--if-exists", "same", *folder, online=False)
            self.assertTrue(answer.startswith("cycles@1: "), answer)

    def import_two_versions(self, **where) -> None:
        """`cycles` with and without loops, where the options say."""
        tu = ["import", "tu", self.folder / "CYCLES", "--name", "cycles"]
        for transform in ([], ["--transform", "add_self_loops"]):
            self.run_command(*tu, *transform, *where.get("to", []), online="to" not in where)

    def test_a_version_moves_in_a_file(self) -> None:
        source, target = self.folder / "source", self.folder / "data"
        self.import_two_versions(to=["--data-dir", source])
        files = {v: self.folder / f"cycles-{v}" for v in (1, 2)}
        for version, file in files.items():
            text = self.run_command(
                "export", f"cycles@{version}", file, "--data-dir", source, online=False
            )
            self.assertIn(f"cycles@{version} -> {file}; fingerprint ", text)
        error = self.run_command(
            "export", "cycles@3", self.folder / "x", "--data-dir", source, code=1, online=False
        )
        self.assertIn("versions: 1, 2", error)

        second = json.loads(
            self.run_command(
                "import", "file", files[2], "--data-dir", target, "--json", online=False
            )
        )
        self.assertEqual(second["version"], 2)
        self.assertEqual(second["transforms"], ["add_self_loops(fill_value=1)"])
        self.start_server()
        first = json.loads(self.run_command("import", "file", files[1], "--json"))
        self.assertEqual((first["version"], first["transforms"]), (1, []))
        self.assertNotEqual(first["fingerprint"], second["fingerprint"])
        self.assertIn("ALREADY_EXISTS", self.run_command("import", "file", files[1], code=1))
        third = json.loads(self.run_command("import", "file", files[1], "--new-version", "--json"))
        self.assertEqual((third["version"], third["fingerprint"]), (3, first["fingerprint"]))
        other = json.loads(self.run_command("import", "file", files[2], "--name", "o", "--json"))
        self.assertEqual((other["name"], other["fingerprint"]), ("o", second["fingerprint"]))

        again = self.folder / "again"
        self.run_command("export", "cycles@1", again)
        self.assertEqual(again.read_bytes(), files[1].read_bytes())
        damaged = bytearray(files[1].read_bytes())
        damaged[len(damaged) // 2] ^= 1
        again.write_bytes(damaged)
        error = self.run_command("import", "file", again, "--name", "damaged", code=1)
        self.assertIn("DATA_LOSS", error)
        self.assertNotIn("damaged", self.run_command("ls"))

    def test_a_replica_follows_a_writer(self) -> None:
        self.start_server()
        writer = Server(self.folder / "writer")
        self.addCleanup(writer.stop)
        at_writer = ["--server", writer.address]
        sync = ["sync", "--from", writer.address]
        self.import_two_versions(to=at_writer)
        text = self.run_command(*sync)
        self.assertEqual(text.count(" copied"), 2, text)
        listed = json.loads(self.run_command("ls", "--json"))
        self.assertEqual(
            listed, json.loads(self.run_command("ls", "--json", *at_writer, online=False))
        )
        rows = json.loads(self.run_command(*sync, "--json"))
        self.assertEqual({row["state"] for row in rows}, {"present"})
        self.assertEqual([r["fingerprint"] for r in rows], [i["fingerprint"] for i in listed])
        spec = ["cycles@2", "--strategy", "pad", "--batch-size", 4]
        both = f"{self.server.address},{writer.address}"
        self.run_command("verify", *spec, "--server", both, online=False)

        # What the writer has not is kept, unless it is to go.
        self.run_command("rm", "cycles@1", *at_writer, online=False)
        self.run_command(*sync)
        self.assertIn("cycles@1", self.run_command("ls"))
        text = self.run_command(*sync, "--delete")
        self.assertRegex(text, r"cycles@1 .*deleted")
        self.assertNotIn("cycles@1", self.run_command("ls"))

        # Two histories under one name are told, and neither is touched.
        tu = ["import", "tu", self.folder / "CYCLES", "--name", "cycles"]
        self.run_command(*tu)
        self.run_command(*tu, "--transform", "to_undirected", *at_writer, online=False)
        same = json.loads(self.run_command(*sync, "cycles", "--json", code=0))
        self.assertEqual([row["version"] for row in same], [2, 3])  # cycles are undirected
        self.run_command(*tu)
        self.run_command(*tu, "--transform", "add_self_loops", *at_writer, online=False)
        self.run_command(
            "import", "tu", self.folder / "CYCLES", "--name", "another", *at_writer, online=False
        )
        error = self.run_command(*sync, code=1)
        self.assertIn("FAILED_PRECONDITION", error)
        self.assertIn("cycles@4 has fingerprint", error)
        self.assertNotIn("another", self.run_command("ls"))
        self.assertIn("nothing", self.run_command(*sync, "nothing", code=1))
        error = self.run_command(*sync, "--server", both, code=1, online=False)
        self.assertIn("one server at a time", error)

        # A dataset that is gone altogether can be named.
        self.run_command(*sync, "another")
        self.run_command("rm", "another@1", *at_writer, online=False)
        self.assertIn("there is no dataset", self.run_command(*sync, "another", code=1))
        self.assertRegex(self.run_command(*sync, "another", "--delete"), r"another@1 .*deleted")
        self.assertNotIn("another", self.run_command("ls"))

        # A source that is not there leaves no empty store behind.
        writer.stop()
        target = self.folder / "target"
        self.run_command(
            *sync, "--data-dir", target, "--retry-timeout", "0", code=1, online=False
        )
        self.assertFalse(target.exists())

    def test_two_may_copy_the_same_versions_at_once(self) -> None:
        self.start_server()
        writer = Server(self.folder / "writer")
        self.addCleanup(writer.stop)
        for _ in range(10):
            self.import_two_versions(to=["--server", writer.address])
        command = [
            os.environ["GRAPHFEED_CLI"], "sync", "--from", writer.address, "--server",
            self.server.address, "--json",
        ]  # fmt: skip
        syncs = [
            subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            for _ in range(3)
        ]
        copied = []
        for sync in syncs:
            out, error = sync.communicate(timeout=120)
            self.assertEqual(sync.returncode, 0, error)
            rows = json.loads(out)
            self.assertEqual([row["version"] for row in rows], list(range(1, 21)))
            copied += [row["version"] for row in rows if row["state"] == "copied"]
        self.assertEqual(sorted(copied), list(range(1, 21)), "each was copied once")

    def test_following_goes_on_while_the_writer_is_away(self) -> None:
        self.start_server()
        # Where no other test is given its port while it is away.
        writer = Server(self.folder / "writer", address="127.0.0.42:0")
        self.addCleanup(lambda: writer.stop())
        self.import_two_versions(to=["--server", writer.address])
        command = [
            os.environ["GRAPHFEED_CLI"], "sync", "--from", writer.address, "--server",
            self.server.address, "--follow", "--interval", "0.05", "--retry-timeout", "0",
        ]  # fmt: skip
        follower = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        try:
            lines = [follower.stdout.readline() for _ in range(2)]
            self.assertRegex(lines[0], r"copied cycles@1 [0-9a-f]{32}")
            self.assertRegex(lines[1], r"copied cycles@2 [0-9a-f]{32}")
            self.assertEqual(writer.stop(), 0)
            self.assertIn("graphfeed: ", follower.stderr.readline())
            writer = Server(self.folder / "writer", address=writer.address)
            self.run_command(
                "import", "tu", self.folder / "CYCLES", "--name", "new", "--server",
                writer.address, online=False,
            )  # fmt: skip
            self.assertRegex(follower.stdout.readline(), r"copied new@1 [0-9a-f]{32}")
        finally:
            follower.kill()
            follower.communicate()
        self.assertIn("new@1", self.run_command("ls"))

    def test_a_running_server_makes_snapshots(self) -> None:
        self.server = Server(
            self.folder / "data", "--snapshot-dir", str(self.folder / "snapshots")
        )
        self.addCleanup(self.stop_server)
        self.import_two_versions()
        text = self.run_command("snapshot", "monday")
        self.assertIn(f"at the server: {self.folder}/snapshots/monday", text)
        self.assertEqual(text.count("cycles@"), 2)
        self.assertIn("ALREADY_EXISTS", self.run_command("snapshot", "monday", code=1))
        back = self.folder / "back"
        copied = self.run_command(
            "restore", self.folder / "snapshots/monday", "--data-dir", back, online=False
        )
        self.assertEqual(copied.splitlines(), text.splitlines()[1:])

    def test_verify_recomputes_digests_and_fingerprints(self) -> None:
        self.start_server()
        self.run_command("import", "tu", self.folder / "CYCLES", "--name", "cycles")
        spec = ["--strategy", "pack", "--num-nodes", 20, "--num-edges", 40, "--num-graphs", 5]
        spec += ["--shuffle", "--seed", 4, "--epoch", 2]
        verified = json.loads(self.run_command("verify", "cycles", *spec, "--json"))
        streamed = [
            line.split()[1:]
            for line in self.run_command("stream", "cycles", *spec, "--digests").splitlines()
            if line.startswith("frame ")
        ]
        self.assertGreater(len(streamed), 2)
        self.assertEqual(
            [["2", str(f["ordinal"]), f["digest"]] for f in verified["frames"]], streamed
        )
        one = json.loads(self.run_command("verify", "cycles", *spec, "--ordinal", 1, "--json"))
        self.assertEqual(one["frames"], verified["frames"][1:2])
        self.assertIn(streamed[0][2], self.run_command("verify", "cycles", *spec))
        self.assertIn("the server has no --snapshot-dir", self.run_command("snapshot", "s", code=1))
        error = self.run_command("verify", "cycles", *spec, "--ordinal", 99, code=1)
        self.assertIn(f"--ordinal is 99; epoch 2 has {len(streamed)} frames", error)

        # Another server with the same content, and one with other content.
        replica = Server(self.folder / "replica")
        self.addCleanup(replica.stop)
        both = f"{self.server.address},{replica.address}"
        tu = ["import", "tu", self.folder / "CYCLES", "--name", "cycles"]
        self.run_command(*tu, "--server", replica.address, online=False)
        again = self.run_command("verify", "cycles", *spec, "--server", both, online=False)
        self.assertIn(streamed[0][2], again)
        self.run_command(
            *tu, "--transform", "to_undirected,add_self_loops", "--server", replica.address,
            online=False,
        )  # fmt: skip
        error = self.run_command(
            "verify", "cycles", *spec, "--server", both, code=1, online=False
        )
        self.assertIn("fingerprint", error)

        fingerprint = json.loads(self.run_command("describe", "cycles", "--json"))["fingerprint"]
        self.stop_server()
        folder = self.folder / "data"
        text = self.run_command("verify", "cycles", "--data-dir", folder, online=False)
        self.assertIn(fingerprint, text)
        error = self.run_command("verify", code=2, online=False)
        self.assertIn("dataset is required", error)
        text = self.run_command("import", "tu", self.folder / "CYCLES", "--name", "other",
                                "--data-dir", folder, online=False)  # fmt: skip
        everything = self.run_command("verify", "--data-dir", folder, online=False).splitlines()
        self.assertEqual([line.split(":")[0] for line in everything], ["cycles@1", "other@1"])
        told = json.loads(self.run_command("verify", "--data-dir", folder, "--json", online=False))
        self.assertEqual([(v["dataset"], v["fingerprint"]) for v in told],
                         [("cycles@1", fingerprint), ("other@1", fingerprint)])  # fmt: skip
        typo = self.folder / "typo"
        error = self.run_command("verify", "cycles", "--data-dir", typo, code=1, online=False)
        self.assertIn(str(typo), error)
        self.assertFalse(typo.exists())

    def test_a_dataset_from_import_to_rm(self) -> None:
        self.start_server()
        self.assertEqual(json.loads(self.run_command("ls", "--json")), [])
        text = self.run_command("import", "tu", self.folder / "CYCLES", "--name", "cycles")
        self.assertIn("cycles@1: 10 graphs, 57 nodes, 114 edges", text)

        (listed,) = json.loads(self.run_command("ls", "--json"))
        self.assertEqual((listed["name"], listed["version"]), ("cycles", 1))
        self.assertIn("cycles@1", self.run_command("ls"))

        info = json.loads(self.run_command("describe", "cycles", "--json"))
        self.assertEqual(info, listed)
        self.assertEqual(info["num_graphs"], len(CYCLES))
        self.assertEqual(
            [(c["name"], c["level"], c["dtype"], c["row_shape"]) for c in info["columns"]],
            [
                ("edge_index", "edge", "int64", [2]),
                ("x", "node", "float32", [2]),
                ("y", "graph", "int64", []),
            ],
        )
        self.assertEqual(info["summary"]["num_nodes"]["max"], 12)
        described = self.run_command("describe", "cycles@1")
        self.assertIn("| max        |     12   |     24   |", described)
        self.assertIn(info["fingerprint"], described)

        spec = ["--strategy", "pack", "--num-nodes", 20, "--num-edges", 40, "--num-graphs", 5]
        plan = json.loads(self.run_command("plan", "cycles", *spec, "--seed", 1, "--json"))
        self.assertEqual(plan["plan"]["num_graphs"], 10)
        self.assertEqual(
            sum(graphs * batches for graphs, batches in enumerate(plan["graphs_per_batch"])), 10
        )
        self.assertEqual(sum(plan["graphs_per_batch"]), plan["plan"]["num_batches"])
        self.assertLessEqual(plan["plan"]["lower_bound_batches"], plan["plan"]["num_batches"])
        shapes = {tensor["name"]: tensor["shape"] for tensor in plan["tensors"]}
        self.assertEqual(shapes["x"], [20, 2])
        self.assertEqual(shapes["edge_index"], [2, 40])
        self.assertEqual(shapes["ptr"], [6])
        shown = self.run_command("plan", "cycles", *spec)
        self.assertIn("STRATEGY   BATCHES  AT LEAST", shown)
        self.assertRegex(shown, r"GRAPHS +pad +pack +best-pack\n")
        self.assertIn("recommended      --strategy ", shown)
        by_name = {entry["strategy"]: entry for entry in plan["strategies"]}
        self.assertEqual(list(by_name), ["pad", "pack", "best-pack"])
        self.assertEqual(by_name["pack"]["plan"], plan["plan"])
        self.assertEqual(by_name["pack"]["graphs_per_batch"], plan["graphs_per_batch"])
        self.assertIn(plan["recommended"], ("pack", "best-pack"))
        self.assertIn("GRAPHS  BATCHES", self.run_command("plan", "cycles", "--strategy", "plain"))

        best = ["--strategy", "best-pack", "--best", "nodes=25", "--seed", 1]
        plan = json.loads(self.run_command("plan", "cycles", *best, "--json"))
        by_name = {entry["strategy"]: entry for entry in plan["strategies"]}
        self.assertEqual(plan["spec"]["options"], by_name["best-pack"]["options"])
        for entry in by_name.values():
            self.assertLessEqual(entry["options"]["num_nodes"], 25)
            self.assertEqual(entry["plan"]["num_graphs"], 10)
            self.assertEqual(entry["slab_bytes"], entry["choice"]["batch_bytes"])
        least = min(by_name.values(), key=lambda entry: entry["epoch_bytes"])
        self.assertEqual(by_name[plan["recommended"]]["epoch_bytes"], least["epoch_bytes"])
        shown = self.run_command("plan", "cycles", *best)
        self.assertIn(f"recommended      --strategy {plan['recommended']} --num-graphs ", shown)
        streamed = self.run_command("stream", "cycles", *best, "--json").splitlines()
        self.assertEqual(
            json.loads(streamed[-1])["batches"], by_name["best-pack"]["plan"]["num_batches"]
        )
        error = self.run_command("plan", "cycles", "--best", "nodes=9", code=1)
        self.assertIn("best.num_nodes is 9; a batch with room for the largest graphs", error)

        lines = self.run_command(
            "stream", "cycles", *spec, "--seed", 1, "--epochs", 2, "--shuffle", "--json"
        ).splitlines()
        events = [json.loads(line) for line in lines]
        self.assertEqual(
            [event["event"] for event in events], ["stream", "first_batch", "epoch", "epoch", "all"]
        )
        self.assertEqual(events[0]["fingerprint"], info["fingerprint"])
        self.assertEqual(events[0]["seed"], 1)
        for number, epoch in enumerate(events[2:4]):
            self.assertEqual(epoch["epoch"], number)
            self.assertEqual(epoch["graphs"], 10)
            self.assertEqual(epoch["nodes"], sum(CYCLES))
            self.assertEqual(sum(epoch["graphs_per_batch"]), 10)
            self.assertAlmostEqual(epoch["node_efficiency"], epoch["plan"]["node_efficiency"])
        self.assertEqual(events[4]["graphs"], 20)
        text = self.run_command("stream", "cycles", "--batch-size", 3, "--limit", 2)
        self.assertIn("graphs per batch  2,2", text)

        self.assertIn("which version", self.run_command("rm", "cycles", code=1))
        self.assertIn("removed cycles@1", self.run_command("rm", "cycles@1"))
        self.assertEqual(json.loads(self.run_command("ls", "--json")), [])
        self.assertIn("NOT_FOUND", self.run_command("describe", "cycles", code=1))

    def test_all_ways_in_give_the_same_fingerprint(self) -> None:
        write_tu(self.folder / "GZIPPED", "GZIPPED", gzipped=True)
        write_npy(self.folder / "arrays")
        folder = self.folder / "data"
        self.run_command(
            "import", "tu", self.folder / "CYCLES", "--name", "a", "--data-dir", folder,
            online=False,
        )  # fmt: skip
        self.run_command("import", "npy", self.folder / "arrays", "--data-dir", folder, online=False)
        self.start_server()
        self.run_command("import", "tu", self.folder / "GZIPPED", "--name", "b")
        self.run_command("import", "npy", self.folder / "arrays", "--name", "c")
        listed = json.loads(self.run_command("ls", "--json"))
        self.assertEqual([info["name"] for info in listed], ["a", "b", "c", "cycles"])
        self.assertEqual(len({info["fingerprint"] for info in listed}), 1, listed)

    def test_offline_import_refuses_a_folder_in_use(self) -> None:
        self.start_server()
        error = self.run_command(
            "import", "tu", self.folder / "CYCLES", "--data-dir", self.folder / "data",
            code=1, online=False,
        )  # fmt: skip
        self.assertIn("graphfeed: FAILED_PRECONDITION", error)

    def test_transforms_run_at_import_and_are_shown(self) -> None:
        self.start_server()
        self.run_command(
            "import", "tu", self.folder / "CYCLES", "--name", "looped",
            "--transform", "normalize_features(columns=x),add_self_loops",
        )  # fmt: skip
        info = json.loads(self.run_command("describe", "looped", "--json"))
        self.assertEqual(info["edge_types"][0]["num_edges"], 3 * sum(CYCLES))
        self.assertEqual(
            info["transforms"], ["normalize_features(columns=x)", "add_self_loops(fill_value=1)"]
        )

    def test_a_single_graph_streams_whole(self) -> None:
        folder = self.folder / "ring"
        folder.mkdir()
        nodes = np.arange(100)
        np.save(folder / "edge_index.npy", np.stack([nodes, (nodes + 1) % 100]))
        np.save(folder / "x.npy", np.ones((100, 3), np.float32))
        self.start_server()
        self.run_command("import", "npy", folder, "--transform", "to_undirected", "--kinds", "x=node")
        lines = self.run_command("stream", "ring", "--strategy", "plain", "--json").splitlines()
        tensors = {t["name"]: t["shape"] for t in json.loads(lines[1])["tensors"]}
        self.assertEqual(tensors["edge_index"], [2, 200])
        self.assertEqual(tensors["x"], [100, 3])

    def test_partitions_are_the_same_both_ways(self) -> None:
        folder = self.folder / "ring"
        folder.mkdir()
        nodes = np.arange(1000)
        np.save(folder / "edge_index.npy", np.stack([nodes, (nodes + 1) % 1000]))
        np.save(folder / "x.npy", np.ones((1000, 1), np.float32))
        store = self.folder / "data"
        self.run_command("import", "npy", folder, "--kinds", "x=node", "--data-dir", store,
                         online=False)  # fmt: skip
        parts = ["--parts", 8, "--seed", 3]
        text = self.run_command("partition", "ring", *parts, "--data-dir", store, online=False)
        self.assertIn("ring@2: 1,000 nodes in 8 parts, column partition", text)
        self.start_server()
        online = json.loads(self.run_command("partition", "ring@1", *parts, "--json"))
        self.assertEqual(online["version"], 3)
        (column,) = [c for c in online["columns"] if c["name"] == "partition"]
        self.assertEqual((column["level"], column["dtype"]), ("node", "int64"))
        offline = json.loads(self.run_command("describe", "ring@2", "--json"))
        self.assertEqual(online["fingerprint"], offline["fingerprint"])
        error = self.run_command("partition", "ring@3", *parts, code=1)
        self.assertIn('INVALID_ARGUMENT: column "partition" exists already', error)

    def test_sampled_batches_of_a_heterogeneous_folder(self) -> None:
        folder = self.folder / "movies"
        folder.mkdir()
        # Movie v has actors v and v + 1 modulo 40, and x = v as a sparse row.
        movies = np.arange(40)
        ends = np.stack([np.r_[movies, movies], np.r_[movies, (movies + 1) % 40]])
        np.save(folder / "to.npy", ends.astype(np.int32))
        np.save(folder / "x_indptr.npy", np.arange(41))
        np.save(folder / "x_indices.npy", movies % 3)
        np.save(folder / "x_data.npy", movies.astype(np.float32))
        np.save(folder / "train.npy", (movies % 2 == 0).astype(np.uint8))
        schema = {
            "nodes": [
                {
                    "type": "movie",
                    "columns": [
                        {"name": "x", "csr": "x", "num_columns": 3},
                        {"name": "train_mask", "file": "train.npy", "dtype": "bool"},
                    ],
                },
                {"type": "actor", "num_nodes": 50},
            ],
            "edges": [
                {
                    "source": "movie", "relation": "to", "target": "actor",
                    "columns": [{"name": "edge_index", "file": "to.npy", "dtype": "int64"}],
                }
            ],
        }  # fmt: skip
        (folder / "schema.json").write_text(json.dumps(schema))
        self.start_server()
        self.run_command(
            "import", "npy", folder, "--transform", "remove_isolated_nodes,to_undirected"
        )
        info = json.loads(self.run_command("describe", "movies", "--json"))
        self.assertEqual([t["num_nodes"] for t in info["node_types"]], [40, 40])
        self.assertEqual(
            [(t["name"], t["num_edges"]) for t in info["edge_types"]],
            [("movie|to|actor", 80), ("actor|rev_to|movie", 80)],
        )

        # Both actors of each seed, and all movies of these: no draw.
        sampled = ["--strategy", "neighbor", "--num-neighbors", "-1,-1",
                   "--input-nodes", "movie:train_mask", "--batch-size", 4, "--seed", 5]  # fmt: skip
        lines = self.run_command("stream", "movies", *sampled, "--ragged", "--json").splitlines()
        stream, first, epoch = (json.loads(line) for line in lines)
        self.assertEqual(stream["spec"]["sampling"]["input_mask"], "train_mask")
        self.assertEqual((epoch["batches"], epoch["seeds"]), (5, 20))
        shapes = {f"{t['store']}.{t['name']}": t["shape"] for t in first["tensors"]}
        # Seeds 0, 2, 4, 6 have actors 0 to 7, whose movies are 0 to 7 and 39.
        self.assertEqual(shapes["movie.x"], [9, 3])
        self.assertEqual(shapes["actor.n_id"], [8])
        self.assertEqual(shapes["movie.input_id"], [4])

        plan = json.loads(self.run_command("plan", "movies", *sampled, "--json"))
        self.assertEqual(plan["spec"]["options"]["num_nodes"], {"movie": 10, "actor": 9})
        self.assertEqual(plan["budget"]["num_samples"], 5)
        self.assertEqual(plan["budget"]["trimmed_batches"], 0)
        self.assertEqual(plan["plan"]["real"]["seeds"], 20)
        text = self.run_command("stream", "movies", *sampled)
        self.assertIn("5 with 20 seeds, 85 nodes", text)
        self.assertIn("none of them exceeds it", text)

        # Sizes are those of all runs, whatever their seed and epoch.
        drawn = ["--strategy", "neighbor", "--num-neighbors", "1,1", "--input-nodes", "movie",
                 "--batch-size", 4, "--shuffle", "--json"]  # fmt: skip
        first, second = (
            json.loads(self.run_command("plan", "movies", *drawn, "--seed", seed, "--epoch", epoch))
            for seed, epoch in ((5, 0), (6, 2))
        )
        self.assertEqual(first["budget"]["num_samples"], 1000)
        self.assertEqual(first["spec"]["options"], second["spec"]["options"])

        links = ["--strategy", "neighbor", "--num-neighbors", "2", "--links", "movie|to|actor",
                 "--negatives", "binary:1", "--batch-size", 16]  # fmt: skip
        lines = self.run_command("stream", "movies", *links, "--ragged", "--json").splitlines()
        self.assertEqual(json.loads(lines[2])["seeds"], 80)
        error = self.run_command("plan", "movies", *sampled[:-6], "--input-nodes", "film", code=1)
        self.assertIn('"film"', error)

    def test_a_broken_file_leaves_nothing(self) -> None:
        with open(self.folder / "CYCLES" / "CYCLES_A.txt", "a") as file:
            file.write("1, 57\n")
        self.start_server()
        error = self.run_command("import", "tu", self.folder / "CYCLES", code=1)
        self.assertIn("CYCLES_A.txt:115: edge (1, 57) joins graph 1 and graph 10", error)
        self.assertEqual(json.loads(self.run_command("ls", "--json")), [])

    def test_batches_that_cannot_fit_are_refused_with_the_graph(self) -> None:
        self.start_server()
        self.run_command("import", "tu", self.folder / "CYCLES", "--name", "cycles")
        error = self.run_command(
            "plan", "cycles", "--strategy", "pack", "--num-nodes", 10, "--num-edges", 40, code=1
        )
        self.assertIn("graphfeed: FAILED_PRECONDITION", error)
        self.assertIn("12 nodes", error)

    def test_mutag_has_the_published_sizes_and_packs_as_recorded(self) -> None:
        data = shared_dir("data/MUTAG")
        if data is None:
            return
        self.start_server()
        self.run_command("import", "tu", data, "--name", "mutag")
        described = self.run_command("describe", "mutag")
        self.assertIn("| mean       |     17.9 |     39.6 |", described)
        spec = ["--strategy", "pack", "--num-graphs", 10, "--seed", 0, "--json"]
        for sizes, batches, efficiency in (((400, 800), 21, 0.4013), ((179, 395), 22, 0.8560)):
            plan = json.loads(
                self.run_command(
                    "plan", "mutag", *spec, "--num-nodes", sizes[0], "--num-edges", sizes[1]
                )
            )["plan"]
            self.assertEqual(plan["num_batches"], batches)
            self.assertAlmostEqual(plan["node_efficiency"], efficiency, places=4)


if __name__ == "__main__":
    unittest.main()
