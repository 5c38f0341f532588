"""Limits of the system: full disks, file sizes, descriptors, memory, folders that may not be written to."""
import os
import resource
import shutil
import subprocess

from world import demand

MIB = 1 << 20
NOBODY = 65534


def limited(world, case):
    """One run under a limit, and the next without."""
    name, which, most = case
    stage = world.stages[name]
    folder = world.folder()
    run = world.run(folder, stage.command, stage.input, limits=[(which, most)])
    if run.status == 127:
        shutil.rmtree(folder)
        return  # the program could not be loaded
    if run.status != 0:
        world.spoken(stage, run)
    world.judge(stage, folder, run)
    world.again(stage, folder)
    shutil.rmtree(folder)


def full(world, case):
    """A run on a file system that is too small, and the next in the same place with room."""
    name, size = case
    stage = world.stages[name]
    folder = world.folder()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], check=True)
    try:
        for link in ("day.ndjson", "day.ndjson.gz", "rules.csv"):
            os.symlink(os.path.join(world.work, link), os.path.join(folder, link))
        run = world.run(folder, stage.command, stage.input)
        if run.status != 0:
            world.spoken(stage, run)
        subprocess.run(["mount", "-o", "remount,size=64m", folder], check=True)  # to look into a database takes room, too
        world.judge(stage, folder, run)
        world.again(stage, folder)
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def may_mount(world):
    folder = world.folder()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder], check=False, stderr=subprocess.DEVNULL)
    if done.returncode == 0:
        subprocess.run(["umount", folder], check=True)
    return done.returncode == 0


def read_only(world, case):
    """A folder that may be read and not written to."""
    stage = world.stages[case]
    folder = world.folder()
    os.chmod(folder, 0o555)
    run = world.run(folder, stage.command, stage.input, user=NOBODY if os.geteuid() == 0 else None)
    demand(run.status in (73, 77), f"status {run.status}: {run.said.strip()}")
    world.spoken(stage, run)
    demand(run.out == b"", "wrote something")
    os.chmod(folder, 0o777)
    world.again(stage, folder)


def closed(world, case):
    """A standard descriptor that is closed: nothing that is opened later may take its place."""
    name, which = case
    stage = world.stages[name]
    folder = world.folder()
    with open(stage.input or os.devnull, "rb") as source:
        process = subprocess.run(["sh", "-c", 'exec "$@" ' + which, "sh", world.program(stage.command[0])] + stage.command[1:],
                                 cwd=folder, stdin=source, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False,
                                 env=world.environment())
    if which == "2>&-" or which == ">&-" and stage.name == "produce" or which == "<&-" and not stage.input:
        demand(process.returncode == 0, f"{which}: status {process.returncode}: {process.stderr.decode().strip()}")
    else:
        demand(process.returncode in (66, 74), f"{which}: status {process.returncode}: {process.stderr.decode().strip()}")
    world.again(stage, folder)


def device(world, case):
    """Standard output is a device that is full."""
    stage = world.stages[case]
    folder = world.folder()
    with open(stage.input or os.devnull, "rb") as source, open("/dev/full", "wb") as to:
        process = subprocess.run([world.program(stage.command[0])] + stage.command[1:], cwd=folder, stdin=source, stdout=to,
                                 stderr=subprocess.PIPE, check=False, env=world.environment())
    if stage.out:
        demand(process.returncode == 74, f"status {process.returncode}: {process.stderr.decode().strip()}")
    world.again(stage, folder)


def limits(world):
    """item 2: not one call, but all of a kind."""
    os.chmod(world.work, 0o755)
    names = world.chosen(world.stages)
    writers = [name for name in names if world.stages[name].files]
    sizes = [0, 1, 4096, 20000, 40000, 65536, 100000, 131072, 200000, 400000]
    world.each("file sizes", [(name, resource.RLIMIT_FSIZE, size) for name in writers for size in sizes], lambda case:
               limited(world, case))
    world.each("descriptors", [(name, resource.RLIMIT_NOFILE, n) for name in names for n in range(3, 16)], lambda case:
               limited(world, case))
    steps = range(4 * MIB, 120 * MIB, (4 if world.short else 1) * MIB // 2)
    world.each("memory", world.some([(name, resource.RLIMIT_AS, n) for name in names for n in steps], 300), lambda case:
               limited(world, case))
    world.each("closed descriptors", [(name, which) for name in names for which in ("<&-", ">&-", "2>&-")], lambda case:
               closed(world, case))
    world.each("a full device", names, lambda case: device(world, case))
    world.each("read-only folders", writers, lambda case: read_only(world, case))
    if not may_mount(world):
        world.skip("full file systems", "mounting a tmpfs is not permitted here")
        return
    sizes = ["4k", "16k", "40k", "64k", "100k", "128k", "200k", "300k", "500k"]
    world.each("full file systems", [(name, size) for name in writers for size in sizes], lambda case: full(world, case))
