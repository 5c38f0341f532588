"""Several programs at work at once: writers, readers, those that were stopped and wake up; and a clock that is set back."""
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import time

from world import FLOW, FLOW_FILES, TREE, Flow, Wrong, claims, demand, kept, rows, settles, verified

SHORT_WAIT = {name: ["--lock-wait", "0.3"] for name in ("log", "filter", "settle", "totals")}
BEGUN = {0, 65, 75, -signal.SIGPIPE}  # ended, cut off by another that ended, told to try again


def two_flows(world, chance):
    """Two runs that are started together on the same databases."""
    folder, other = world.folder(), world.folder()
    options = None if chance.random() < 0.5 else SHORT_WAIT
    first = Flow(world, folder, options=options)
    time.sleep(chance.random() * world.duration)
    second = Flow(world, folder, options=options, said=other)
    for flow in (first, second):
        statuses = flow.wait()
        demand(set(statuses.values()) <= BEGUN, f"two at once: {statuses}")
        claims(world, folder, statuses)
    settles(world, folder)


def stopped_writer(world, chance):
    """A writer that is stopped within a transaction keeps others out; woken, it goes on."""
    name = chance.choice(["log", "settle", "totals"])
    n = chance.randint(3, world.stages[name].counts["write", "wal"] // 2)
    folder, other = world.folder(), world.folder()
    flow = Flow(world, folder, {name: {"FAULT": f"write:wal:{n}:stop"}})
    if not flow.stopped(name, 20):
        flow.wait()
        raise Wrong(f"{name} was not stopped at its write {n} of the log")
    second = Flow(world, folder, options=SHORT_WAIT, said=other)
    statuses = second.wait()
    demand(75 in statuses.values() and statuses["produce"] != 0, f"beside a stopped writer: {statuses}")
    refused = [second.said(each) for each in FLOW if statuses[each] == 75]
    demand(all("writes to it" in text and "pay-" in text for text in refused), f"does not say who writes: {refused}")
    flow.signal(name, signal.SIGCONT)
    demand(not any(flow.wait().values()), "the writer that was stopped does not end well")
    for each in FLOW_FILES:
        demand(kept(folder, each) == world.reference[each], f"{each} is not what it should be")
    settles(world, folder)


def zombie_reader(world, chance):
    """A pay-consume that is stopped after it looked where to begin; others take its partition to the end; it wakes up."""
    folder = world.folder()
    halfway = Flow(world, folder, options={"consume": ["-n", str(chance.randint(1, 300))]})
    halfway.wait()
    command = world.stages["consume"].command + ["--resume", "log.db", "--resume", "settle.db", "--resume", "totals.db"]
    zombie = subprocess.Popen([world.program(command[0])] + command[1:], cwd=folder, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, env=world.environment(FAULT="write:out:1:stop"))
    while open(f"/proc/{zombie.pid}/stat", encoding="ascii").read().rsplit(")", 1)[1].split()[0] != "T":
        time.sleep(0.001)
    settles(world, folder)
    zombie.send_signal(signal.SIGCONT)
    late = Flow(world, folder, source=zombie.stdout)
    statuses = late.wait()
    demand(zombie.wait() == 0 and not any(statuses.values()), f"what a zombie reads again: {statuses}")
    settles(world, folder)


def zombie_sink(world, chance):
    """A sink that is stopped just before or after its commit, while all others of its flow are killed; then it wakes up."""
    name = chance.choice(["log", "settle", "totals"])
    n = chance.randint(2, world.stages[name].counts["sync", "wal"] - 1)
    folder = world.folder()
    flow = Flow(world, folder, {name: {"FAULT": f"sync:wal:{n}:stop{chance.choice(['', '-after'])}"}})
    if not flow.stopped(name, 20):
        flow.wait()
        raise Wrong(f"{name} was not stopped at its sync {n} of the log")
    for each in FLOW:
        if each != name:
            flow.signal(each, signal.SIGKILL)
    statuses = Flow(world, folder, options=SHORT_WAIT, said=world.folder()).wait()
    demand(75 in statuses.values(), f"beside a sink that is stopped: {statuses}")
    flow.signal(name, signal.SIGCONT)
    status = flow.wait()[name]
    demand(status in (65, -signal.SIGPIPE), f"a sink whose input and output went: {status}")
    settles(world, folder)


def backfill(world, chance):
    """What was left out comes beside what goes on."""
    folder, other = world.folder(), world.folder()
    at = chance.randint(50, len(world.lines) - 50)
    live = Flow(world, folder, options={"consume": ["--from", str(at), "--allow-gap"]})
    time.sleep(chance.random() * world.duration)
    end = at + chance.randint(0, 40)
    late = Flow(world, folder, options={"consume": ["--to", str(end)]}, said=other, resume=False)
    for flow in (live, late):
        statuses = flow.wait()
        demand(set(statuses.values()) <= BEGUN | {76}, f"backfill beside live: {statuses}")
    # Whoever had to give way goes again: the older part first, then what follows it.
    for part in (["--to", str(end)], ["--from", str(at)]):
        flow = Flow(world, folder, options={"consume": part}, resume=False)
        statuses = flow.wait()
        demand(not any(statuses.values()), f"backfill again: {statuses} {[flow.said(name) for name in FLOW]}")
    verified(world, folder)
    for name in FLOW_FILES:
        if name == "settle.db":  # which of two equal payments came first is up to the order in which they came
            counts = [rows(os.path.join(folder, name), f"SELECT count(*) FROM {table}") for table in ("base", "unsettlement")]
            demand(counts == [[(len(each),)] for each in world.reference[name][:2]], f"backfill: {counts} of base, unsettlement")
        elif name == "log.db":
            demand(kept(folder, name)[0] == world.reference[name][0], "backfill: payment_log is not what it should be")


def script_twice(world, _):
    """scripts/settle twice at once on one folder."""
    folder = world.folder()
    environment = dict(world.environment(), PATH=f"{world.bin}:/usr/bin:/bin", TMPDIR=world.work)
    command = [os.path.join(TREE, "scripts/settle"), "-o", "out", "--dead-letter", "-", "--default-cycle", "D+2", "day.ndjson"]
    both = [subprocess.Popen(command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT) for _ in range(2)]
    for process in both:
        text = process.communicate(timeout=120)[0].decode()
        demand(process.returncode == 0 and text.endswith("Everything adds up.\n"), f"settle: {process.returncode}: {text}")
    demand(kept(os.path.join(folder, "out"), "log.db")[0] == world.reference["log.db"][0], "settle: payment_log is not whole")


def clock(world, chance):
    """The clock is set while stages run."""
    folder = world.folder()
    faults = {name: {"FAULT_CLOCK": f"{chance.randint(1, 6)}:{chance.choice([-400 * 86400, -3600, 3600, 400 * 86400])}"}
              for name in FLOW}
    flow = Flow(world, folder, faults)
    statuses = flow.wait()
    demand(not any(statuses.values()), f"with the clock set: {statuses}")
    for name in FLOW_FILES:
        demand(kept(folder, name) == world.reference[name], f"with the clock set {name} is not what it should be")


def long_reader(world, _):
    """A reader that holds an old view: the log does not grow without bound, and who is to blame is said."""
    folder = world.folder()
    stage = world.stages["settle"]
    first = world.run(folder, stage.command, stage.input)
    demand(first.status == 0, f"before the reader: {first.status}")
    reader = sqlite3.connect(f"file:{folder}/settle.db?mode=ro", uri=True, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM base").fetchone()
    feed = os.path.join(folder, "much")
    write_much(feed, 3000 if world.short else 40000)
    run = world.run(folder, ["pay-store", "-d", "settle.db", "--lock-wait", "0.2"], feed)
    size = os.path.getsize(os.path.join(folder, "settle.db-wal"))
    demand(size < 1100 << 20, f"the log has grown to {size >> 20} MiB")
    demand("reads an old view of it" in run.said, f"does not say who reads: {run.said}")
    demand(run.status == (0 if world.short else 75), f"the log has {size >> 20} MiB: {run.status}: {run.said}")
    reader.close()
    again = world.run(folder, ["pay-store", "-d", "settle.db"], feed)
    demand(again.status == 0, f"after the reader: {again.status}: {again.said}")
    demand(os.path.getsize(os.path.join(folder, "settle.db")) > 0 and not os.path.exists(os.path.join(folder, "settle.db-wal")),
           "the log is still there")
    shutil.rmtree(folder)


def write_much(path, segments):
    """Segments of one payment each, of offsets that are far apart, so that each changes many pages."""
    payment = ('"paymentType":"ONLINE","amount":1,"payoutDate":null,"confirmDate":null,"merchantNumber":"m",'
               '"paymentDate":"2025-05-19T21:48:15","paymentActionType":"PAYMENT","paymentMethodType":"CARD","note":"')
    with open(path, "w", encoding="ascii") as file:
        file.write('{"_mark":{"seq":0,"records":0,"in":0,"dropped":{},"amount":"0","from":{},"next":{},"end":null}}\n')
        for at in range(segments):
            file.write(f'{{"_src":"much/0/{at}",{payment}{"x" * 6000}"}}\n')
            end = '"complete"' if at == segments - 1 else "null"
            file.write(f'{{"_mark":{{"seq":{at + 1},"records":1,"in":1,"dropped":{{}},"amount":"1","from":{{"much/0":{at}}},'
                       f'"next":{{"much/0":{at + 1}}},"end":{end}}}}}\n')


CASES = {case.__name__: case for case in
         (two_flows, stopped_writer, zombie_reader, zombie_sink, backfill, script_twice, clock, long_reader)}
ONCE = {"script_twice", "long_reader"}


def together(world):
    """item 4: concurrency."""
    began = time.monotonic()
    settles(world, world.folder())
    world.duration = time.monotonic() - began
    cases = [(name, number) for name in world.chosen(CASES)
             for number in range(1 if name in ONCE else 2 if world.short else 25)]
    world.each("programs at once", cases,
               lambda case: CASES[case[0]](world, random.Random(f"{world.options.seed} {case}")))
