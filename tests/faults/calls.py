"""System calls that fail, once, at each of their calls in turn; and programs that are ended at each."""
import os
import shutil
import signal

from world import NUMBERS, demand

FAILURES = {"write": ("EIO", "ENOSPC", "EINTR", "short"), "read": ("EIO", "EINTR", "short"), "open": ("EMFILE", "EACCES"),
            "close": ("EIO", "EINTR"), "sync": ("EIO", "ENOSPC"), "rename": ("EIO", "ENOSPC"), "link": ("EIO", "ENOSPC"),
            "unlink": ("EIO", "EACCES"), "truncate": ("EIO", "EFBIG"), "mmap": ("ENOMEM",), "malloc": ("ENOMEM",),
            "lock": ("EINTR", "ENOLCK")}


def try_fault(world, stage, fault):
    """One run of a stage with a fault in it, and the next run."""
    folder = world.folder()
    run = world.run(folder, stage.command, stage.input, FAULT=fault)
    ended = run.status in (-signal.SIGKILL, -signal.SIGTERM)
    if run.status != 0 and not ended:
        world.spoken(stage, run)
        left = [name for name in os.listdir(folder) if name.startswith(".")]
        demand(not left, f"left {left} behind")
    world.judge(stage, folder, run)
    world.again(stage, folder)
    shutil.rmtree(folder)


def cases_of(world, actions):
    return [(stage.name, f"{call}:{kind}:{n}:{NUMBERS.get(action, action)}")
            for stage in map(world.stages.get, world.chosen(world.stages))
            for (call, kind), count in stage.counts.items()
            for n in range(1, count + 1)
            for action in actions(call)]


def apart(world, cases, n):
    """In the short form as many of each kind of call as of each other, so that the rare ones are all there."""
    if not world.short or len(cases) <= n:
        return cases
    kinds = {}
    for case in cases:
        call, kind, _, action = case[1].split(":")
        kinds.setdefault((case[0], call, kind, action), []).append(case)
    most = 1
    while sum(min(len(kind), most + 1) for kind in kinds.values()) <= n:
        most += 1
    return [case for kind in kinds.values() for case in world.some(kind, most)]


def failures(world):
    """item 2: every call fails once."""
    cases = cases_of(world, lambda call: FAILURES[call])
    world.each("calls that fail", apart(world, cases, 1200), lambda case: try_fault(world, world.stages[case[0]], case[1]))


def instants(world):
    """item 1: every stage is killed before and after each of its calls."""
    cases = cases_of(world, lambda call: () if call == "malloc" else ("kill", "kill-after"))
    world.each("kills at an instant", apart(world, cases, 500),
               lambda case: try_fault(world, world.stages[case[0]], case[1]))
