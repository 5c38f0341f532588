#!/usr/bin/env python3
"""Python's opinion on lines that claim to be records, against that of the strict reader.

    json_verdict.py compare [--seed N] [--lines N] PROGRAM... FILE...   mutated lines of FILEs: all must agree
    json_verdict.py judge                                               "ok" or "bad: why" for each line of stdin

Python's json module does the grammar; what it lets pass (surrogates, depth, names that stand twice) is checked here.
"""
import argparse
import os
import random
import subprocess
import sys

from settle_day import EIGHT, Bad, Object, read_object

RESERVED = ("_mark", "_src", "_dead", "_unsettled", "_rule")
NAMES = set(EIGHT) | set(RESERVED) | {"data"}
BITS = [b'"', b"\\", b"{", b"}", b"[", b"]", b":", b",", b" ", b"\t", b"\r", b"0", b"-", b".", b"e", b"1", b"\\u0041", b"\\ud83d",
        b"\\ude00", b"\x00", b"\x1f", b"\x80", b"\xc3", b"\xa9", b"\xed\xa0\x80", b"\xf0\x9f\x98\x80", b"null", b"true",
        b'"_src":"a/0/1",', b'"amount":1,', b'"amoun\\u0074":1', b'"data":{', b"\xef\xbb\xbf", b"\x7f"]


def names(members):
    seen, ordinary = set(), False
    for name, _ in members:
        if name in NAMES:
            if name in seen:
                raise Bad(f"{name} twice")
            if ordinary and name in RESERVED:
                raise Bad(f"{name} behind others")
            seen.add(name)
        ordinary = ordinary or not name.startswith("_")


def judge(line):
    try:
        record = read_object(line)
        names(record)
        for name, value in record:
            if name == "data" and isinstance(value, Object):
                names(value)
    except Bad as bad:
        return f"bad: {bad}"
    return "ok"


def mutate(line, chance):
    line = bytearray(line)
    for _ in range(chance.randrange(4)):
        at = chance.randrange(len(line) + 1)
        how = chance.randrange(5)
        if how == 0:
            line[at:at] = chance.choice(BITS)
        elif how == 1:
            del line[at:at + chance.randrange(1, 4)]
        elif how == 2 and at < len(line):
            line[at] = chance.randrange(256)
        elif how == 3:
            there = chance.randrange(len(line) + 1)
            line[at:at] = line[there:there + chance.randrange(20)]
        else:
            line[at:at] = b"x" * chance.randrange(40)
    return bytes(line).replace(b"\n", b" ")


def compare(options):
    programs = [path for path in options.paths if os.access(path, os.X_OK)]
    files = [path for path in options.paths if path not in programs]
    if not programs or not files:
        sys.exit("json_verdict: name at least one program and one file")
    chance = random.Random(options.seed)
    corpus = []
    for path in files:
        with open(path, "rb") as file:
            corpus += file.read().split(b"\n")[:-1]
    small = [line for line in corpus if len(line) < 2000]
    lines = corpus + [mutate(chance.choice(small), chance) for _ in range(options.lines)]
    expected = [judge(line) for line in lines]
    wrong = 0
    for program in programs:
        run = subprocess.run([program], input=b"\n".join(lines) + b"\n", capture_output=True, check=False)
        said = run.stdout.decode("utf-8", "backslashreplace").split("\n")[:-1]
        if run.returncode or len(said) != len(lines):
            sys.exit(f"seed {options.seed}: {program} ended with {run.returncode} after {len(said)} of {len(lines)} lines")
        for line, mine, its in zip(lines, expected, said):
            if (mine == "ok") != (its == "ok"):
                wrong += 1
                print(f"seed {options.seed}: {program} says {its!r}, Python {mine!r}: {line[:300]!r}")
    good = sum(verdict == "ok" for verdict in expected)
    print(f"seed {options.seed}: {len(lines)} lines, {good} of them good, {wrong} disagreements")
    sys.exit(1 if wrong else 0)


def main():
    sys.setrecursionlimit(10000)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(dest="verb", required=True)
    verb = verbs.add_parser("compare")
    verb.add_argument("--seed", type=int, default=random.randrange(1 << 31))
    verb.add_argument("--lines", type=int, default=20000)
    verb.add_argument("paths", nargs="+")
    verbs.add_parser("judge")
    options = parser.parse_args()
    if options.verb == "compare":
        compare(options)
    for line in sys.stdin.buffer.read().split(b"\n")[:-1]:
        print(judge(line))


main()
