#!/usr/bin/python3
"""Tables of docs/performance.md from the benchmark's lines: tables.py < LINES."""

import json
import sys

# Keys of a line that say what was measured, in the order of a row's name.
NAMES = ("batches", "program", "stream", "wire", "prefetch", "spinning")
FIGURES = ("ms", "per_batch", "us_per_batch", "cpu_us_per_batch", "batches_per_s", "server_cpu_ms_per_batch", "held_slabs", "ratio")


def figures(lines: list[dict]) -> None:
    print("| part | of | measured | beside | ratio | target | met |\n| --- | --- | --- | --- | --- | --- | --- |")
    for line in lines:
        name = ", ".join(str(line[key]) for key in NAMES if key in line)
        measured, beside, ratio = "", "", line.get("ratio", "")
        if "one" in line:
            name = f"{name}, {line['one']}" if name else line["one"]
            measured = f"{line['medians'][line['one']]['batches_per_s']:,.4g} batches/s"
            beside = f"{line['other']}: {line['medians'][line['other']]['batches_per_s']:,.4g}"
        elif figure := next((key for key in FIGURES if key in line), None):
            measured = "" if figure == "ratio" else f"{line[figure]:,} {figure.replace('_', ' ')}"
            if "least" in line:
                beside = f"{line['least']:,} to {line['most']:,}"
        target = ""
        for key, sign in (("target_at_least", "≥"), ("target_at_most", "≤")):
            if key in line:
                target = f"{sign} {line[key]:,}"
        met = {True: "yes", False: "**no**"}.get(line.get("met"), "")
        if measured or ratio != "":
            print(f"| {line['benchmark']} | {name} | {measured} | {beside} | {ratio} | {target} | {met} |")


def costs(lines: list[dict]) -> None:
    """CPU of the clients' runs by wire."""
    print("\n| client | batches | server µs | client µs | server s/GB | client s/GB |\n| --- | --- | --- | --- | --- | --- |")
    for line in lines:
        if line["benchmark"] != "clients":
            continue
        for kind in (line["other"], line["one"]):
            server, client = (line["medians"][kind][side] for side in ("server", "client"))
            print(
                f"| {kind.replace('_', ', ')} | {line['batches']} | {server['cpu_us_per_batch']:.0f} | "
                f"{client['cpu_us_per_batch']:.0f} | {server['cpu_s_per_gb']:.2f} | {client['cpu_s_per_gb']:.2f} |"
            )


def shares(lines: list[dict]) -> None:
    print("\n| batches | wire | side | CPU µs a batch | the five largest shares |\n| --- | --- | --- | --- | --- |")
    for line in lines:
        if line["benchmark"] == "profile" and "percent" in line:
            largest = list(line["percent"].items())[:5]
            says = ", ".join(f"{name} {share:.0f} %" for name, share in largest)
            print(f"| {line['batches']} | {line['wire']} | {line['side']} | {line['cpu_us_per_batch']:,.0f} | {says} |")


def main() -> None:
    lines = [json.loads(line) for line in sys.stdin if line.startswith("{")]
    figures([line for line in lines if line["benchmark"] != "profile"])
    costs(lines)
    shares(lines)
    loads = [line["load_before"] for line in lines if line["benchmark"] == "machine"]
    if loads:
        print(f"\nLoad average {min(loads):.1f} to {max(loads):.1f} on {lines[-1].get('processors', '?')} processors.")


if __name__ == "__main__":
    main()
