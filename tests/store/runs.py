#!/usr/bin/env python3
"""Feeds stores one random run after the other, and compares what they hold with a model.

    runs.py FOLDER SEEDS [FIRST]

A run is a handful of payments, unsettled payments and dead letters of few coordinates, rising or not, new or known, with
--replace or without. Each goes into a store that has its key from the start and into one that defers it. After each run
both must hold, pass on and count as duplicates what the model does, and pass --verify. Now and then a run has another
payment under known coordinates: it must be refused, and change nothing."""
import json
import os
import random
import sqlite3
import subprocess
import sys


def line(key, kind, amount):
    source, partition, offset = key
    record = {"_src": f"{source}/{partition}/{offset}"}
    if kind == "dead":
        record["_dead"] = {"stage": "pay-tobase", "reason": f"bad {amount}", "raw": "{"}
        return json.dumps(record)
    if kind == "unsettled":
        record["_unsettled"] = "UNCONFIRMED"
    record |= {"paymentType": "ONLINE", "amount": amount, "merchantNumber": "m", "paymentDate": "2025-05-25T10:00",
               "paymentActionType": "PAYMENT", "paymentMethodType": "CARD"}
    return json.dumps(record)


class Model:
    def __init__(self):
        self.base, self.unsettled, self.dead = {}, {}, {}

    def take(self, run, replace):
        """run: (key, kind, amount); returns how many coordinates were known."""
        known = 0
        for key, kind, amount in [r for r in run if r[1] != "dead" and (replace or r[1] == "base")]:
            if replace:
                known += (self.base.pop(key, None) is not None) + (self.unsettled.pop(key, None) is not None) > 0
                (self.base if kind == "base" else self.unsettled)[key] = amount
            elif key in self.base:
                known += 1
            else:
                known += self.unsettled.pop(key, None) is not None
                self.base[key] = amount
            if key in self.dead:
                self.dead[key][1] = 1
        for key, kind, amount in [r for r in run if r[1] == "unsettled" and not replace]:
            if key in self.base or key in self.unsettled:
                known += 1
            else:
                self.unsettled[key] = amount
            if key in self.dead:
                self.dead[key][1] = 1
        for key, kind, amount in [r for r in run if r[1] == "dead"]:
            if key in self.dead:
                known += 1
                if not replace:
                    continue
            self.dead[key] = [f"bad {amount}", int(key in self.base or key in self.unsettled)]
        return known


def held(path):
    store = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    def rows(sql):
        return {tuple(row[:3]): row[3] if len(row) == 4 else list(row[3:]) for row in store.execute(sql)}
    by_key = "SELECT source, partition, offset, "
    try:
        return (rows(by_key + "amount FROM base"), rows(by_key + "amount FROM unsettlement"),
                rows(by_key + "reason, corrected FROM dead_letter"),
                store.execute("SELECT count(*) FROM base").fetchone()[0])
    finally:
        store.close()


def random_run(chance, turn, amounts, replace):
    """Records of a run; amounts: what each payment is, which only --replace changes."""
    rising = chance.random() < 0.8
    low = 50 * turn if chance.random() < 0.7 else chance.choice([0, 20, 1000])
    run = []
    for source in chance.sample(["a", "b", "c/d"], chance.randint(1, 3)):
        for partition in chance.sample(range(3), chance.randint(1, 2)):
            keys = [(source, partition, low + chance.randint(0, 40)) for _ in range(chance.randint(1, 12))]
            run += sorted(set(keys)) if rising else keys
    kinds = chance.choice([["base"], ["base", "base", "unsettled"]] * 2 + [["base", "unsettled", "dead"]])
    records = []
    for key in run:
        kind, amount = chance.choice(kinds), chance.randint(0, 1000)
        if kind != "dead":
            if replace:
                amounts[key] = amount
            amount = amounts.setdefault(key, amount)
        records.append((key, kind, amount))
    return records


def falsify(chance, model, run):
    """The run with another amount for a payment that the model knows; None: it has no such payment."""
    known = [i for i, (key, kind, _) in enumerate(run)
             if kind != "dead" and (key in model.base or key in model.unsettled)]
    if not known:
        return None
    i = chance.choice(known)
    return run[:i] + [(run[i][0], run[i][1], run[i][2] + 1)] + run[i + 1:]


def main():
    folder, seeds = sys.argv[1], int(sys.argv[2])
    first = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    keyless = refused = 0
    for seed in range(first, first + seeds):
        chance = random.Random(seed)
        model, amounts = Model(), {}
        stores = [(os.path.join(folder, "keyed.db"), []), (os.path.join(folder, "deferred.db"), ["--defer-indexes"])]
        for path, _ in stores:
            for end in "", "-wal", "-shm":
                if os.path.exists(path + end):
                    os.remove(path + end)
        for turn in range(chance.randint(2, 6)):
            replace = chance.random() < 0.2
            run = random_run(chance, turn, amounts, replace)
            false = falsify(chance, model, run) if not replace and chance.random() < 0.3 else None
            refused += false is not None
            run = false or run
            text = "".join(line(*record) + "\n" for record in run)
            known = 0 if false else model.take(run, replace)
            for path, options in stores:
                where = f"seed {seed}, run {turn}, {os.path.basename(path)}"
                ran = subprocess.run(["pay-store", "-d", path, "--stats"] + options + ["--replace"] * replace,
                                     input=text, capture_output=True, text=True)
                if false and ran.returncode != 76:
                    sys.exit(f"{where}: another payment was not refused: {ran.returncode} {ran.stderr}")
                if not false and (ran.returncode or ran.stdout != text):
                    sys.exit(f"{where}: ended with {ran.returncode}: {ran.stderr}")
                said = 0 if false else json.loads(ran.stderr)["duplicates"]
                base, unsettled, dead, n = held(path)
                if (base, unsettled, dead, n) != (model.base, model.unsettled, model.dead, len(model.base)):
                    sys.exit(f"{where}: holds other rows than the model")
                if said != known:
                    sys.exit(f"{where}: counted {said} duplicates, not {known}")
        for path, _ in stores:
            if subprocess.run(["pay-store", "-d", path, "--verify"], capture_output=True).returncode:
                sys.exit(f"seed {seed}: {os.path.basename(path)} does not pass --verify")
        store = sqlite3.connect(stores[1][0])
        keyless += not store.execute("SELECT count(*) FROM sqlite_schema WHERE name='base_key'").fetchone()[0]
        store.close()
    print(f"{seeds} stores alike, {keyless} of them without a key to the end, {refused} runs refused")


main()
