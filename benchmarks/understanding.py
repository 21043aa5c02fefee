"""Understanding one message and looking an article up: CPU, loading time, memory — part of `make bench`.

The yardstick in the same run is one word cut of the same sentences by the standard tokenizer: figures of different
machines compare as multiples of it. Sentences are the golden ones of the tests.
"""

import csv
import gc
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil

GOLDEN = Path(__file__).resolve().parents[1] / "tests" / "golden"
_ROUNDS = 7
#: Milliseconds of CPU, seconds and megabytes the project wants to stay under.
_GOALS = {"understand": 0.2, "look up": 0.4, "load": 1.5, "memory": 150}


def sentences() -> list[str]:
    """Golden sentences, in the order of the files."""
    found = []
    for name, column in (("intents.csv", "text"), ("risk.csv", "text"), ("retrieval.csv", "question")):
        with (GOLDEN / name).open(encoding="utf-8", newline="") as file:
            found += [row[column] for row in csv.DictReader(file)]
    return found


def median_ms(act: Callable[[str], object], texts: Sequence[str]) -> float:
    """The median over sentences of the best of some rounds, in milliseconds of CPU, warm."""
    best = [float("inf")] * len(texts)
    for _ in range(_ROUNDS):
        for place, text in enumerate(texts):
            begun = time.thread_time_ns()
            act(text)
            best[place] = min(best[place], time.thread_time_ns() - begun)
    return statistics.median(best) / 1e6


def _load() -> None:
    """What a process does before its first message; run in a process of its own to be timed and weighed."""
    begun = time.process_time()
    before = psutil.Process().memory_info().rss
    from nlp import intents, risk, text
    from nlp.retrieval import load_library
    from nlp.understanding import understand

    text.prepare()
    intents.prepare()
    risk.read("你好")
    understand("你好")
    loaded = time.process_time() - begun
    load_library()
    done = time.process_time() - begun
    gc.collect()
    weight = psutil.Process().memory_info().rss - before
    print(loaded, done, weight / 2**20)


def main() -> None:
    """Print the table; figures over a goal are marked."""
    if sys.argv[1:] == ["--load"]:
        _load()
        return
    loaded = subprocess.run(
        [sys.executable, "-m", "benchmarks.understanding", "--load"], capture_output=True, text=True, check=True
    ).stdout.split()
    import jieba

    from nlp import text
    from nlp.retrieval import load_library
    from nlp.understanding import understand

    with tempfile.TemporaryDirectory() as folder:
        text.prepare(Path(folder))
    library, texts = load_library(), sentences()
    yardstick = median_ms(lambda one: list(jieba.cut(one, HMM=False)), texts)
    print(f"yardstick: one cut by jieba {yardstick:.3f} ms, {len(texts)} sentences, {len(library.articles)} articles")
    for name, act in (
        ("understand", lambda one: understand(one, explain=False)),
        ("look up", lambda one: library.find(one, 3)),
    ):
        cost = median_ms(act, texts)
        print(f"{name:<12} {cost:6.3f} ms  {cost / yardstick:5.1f} × the yardstick" + _mark(name, cost))
    print(
        f"load         {float(loaded[0]):6.2f} s CPU for understanding, {float(loaded[1]):.2f} s with all articles",
        end="",
    )
    print(_mark("load", float(loaded[0])))
    print(f"memory       {float(loaded[2]):6.0f} MB" + _mark("memory", float(loaded[2])))


def _mark(name: str, figure: float) -> str:
    return f"  (goal ≤ {_GOALS[name]}: {'met' if figure <= _GOALS[name] else 'missed'})"


if __name__ == "__main__":
    main()
