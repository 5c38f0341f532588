"""Runs of the whole flow that are interrupted: at random and at chosen instants, one stage or all, by each signal."""
import os
import random
import shutil
import signal
import time

from world import FLOW, Flow, claims, demand, rows, settles, COVER

SIGNALS = {"kill": signal.SIGKILL, "term": signal.SIGTERM, "stop": signal.SIGSTOP}


def plan(world, number):
    """What happens in a round: twice somebody is interrupted, so that a run that goes on is interrupted too."""
    chance = random.Random(f"{world.options.seed} {number}")
    twice = []
    for _ in range(2):
        victim = chance.choice(FLOW + ("group",))
        how = chance.choice(("kill", "kill", "stop", "term"))
        if chance.random() < 0.4:
            twice.append((victim, how, chance.random(), None))
            continue
        stage = chance.choice(FLOW) if victim == "group" else victim
        calls = [(call, kind, n) for (call, kind), n in sorted(world.stages[stage].counts.items()) if call != "malloc"]
        call, kind, n = chance.choice(calls)
        # A group is ended from outside when one of it has been stopped at the instant.
        action = "stop" if victim == "group" else how
        fault = f"{call}:{kind}:{chance.randint(1, n)}:{action}{chance.choice(('', '-after'))}"
        twice.append((victim, how, stage, fault))
    return (number, *twice)


def interrupt(world, folder, victim, how, when, fault):
    """One run with an interruption; says whether there was one."""
    fresh = not os.path.exists(os.path.join(folder, "log.db"))
    flow = Flow(world, folder, {when: {"FAULT": fault}} if fault else None)
    if not fault:
        time.sleep(when * world.duration)
        flow.signal(victim, SIGNALS[how])
        if how == "stop":
            time.sleep(0.02)
            flow.signal(victim, signal.SIGKILL)
    elif victim == "group":
        if flow.stopped(when, 60):
            flow.signal(victim, SIGNALS[how])
            if how == "term":
                flow.signal(when, signal.SIGCONT)
            elif how == "stop":
                time.sleep(0.02)
                flow.signal(victim, signal.SIGKILL)
    elif how == "stop" and flow.stopped(victim, 60):
        time.sleep(0.02)
        flow.signal(victim, signal.SIGKILL)
    statuses = flow.wait()
    told = how == "term" and victim in ("consume", "group")
    claims(world, folder, statuses, told)
    if fresh and told and victim == "consume" and all(status == 0 for name, status in statuses.items() if name != "consume"):
        covers = [rows(os.path.join(folder, name), COVER) for name in ("log.db", "settle.db", "totals.db")]
        demand(covers[0] == covers[1] == covers[2], f"told to stop, the sinks did not drain alike: {covers}")
    return any(status not in (0, -signal.SIGPIPE) for status in statuses.values())


def rounds(world):
    """item 1: whole flows."""
    began = time.monotonic()
    folder = world.folder()
    settles(world, folder)
    world.duration = time.monotonic() - began
    number = world.options.rounds or (60 if world.short else 500)
    interrupted = []

    def one(case):
        where = world.folder()
        for event in case[1:]:
            interrupted.append(interrupt(world, where, *event))
        settles(world, where)
        shutil.rmtree(where)

    world.each("interrupted flows", [plan(world, at) for at in range(number)], one)
    print(f"  {sum(interrupted)} of {len(interrupted)} runs were interrupted", flush=True)
    demand(sum(interrupted) * 3 > len(interrupted), "too few runs were interrupted for the rounds to mean anything")
