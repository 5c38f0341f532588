"""Loss of power: what programs wrote is recorded, and the disk is made as it may have been at any point of the record.

A file has for certain what was written before its last sync; of what was written after that each sector of 512 bytes may
be there or not. Names have what their folder's last sync saw, and then so many of the later changes, in their order.
"""
import collections
import os
import random
import shutil
import struct

from world import FLOW, Flow, demand, kept, last_mark, settles, whole_to

EVENT = struct.Struct("<QQQqQQ")
SECTOR = 512
MODES = ("none", "all", "sectors", "torn")


def events_of(path):
    with open(path, "rb") as file:
        record = file.read()
    at, events = 0, []
    while at < len(record):
        op, self, inode, offset, path_n, n = EVENT.unpack_from(record, at)
        at += EVENT.size
        names = record[at:at + path_n].decode()
        at += path_n
        events.append((chr(op), self, inode, offset, names, record[at:at + n]))
        at += n
    return events


def put(content, offset, data):
    if len(content) < offset:
        content.extend(bytes(offset - len(content)))
    content[offset:offset + len(data)] = data


class Disk:
    """What is for certain on the disk, and what is under way."""

    def __init__(self, root):
        self.root = root
        self.files = {}    # number: bytes
        self.changes = {}  # number: [(offset, bytes or None: the length)]
        self.names = {}    # path: number
        self.renamed = []  # [(op, path, path or number)]
        self.now = {}      # path: number, as the programs see it
        self.number = {}   # inode: number, for inodes are used again
        self.out = {}      # what was written to standard output, by program
        self.taken = 0     # events

    def new(self, inode):
        self.number[inode] = len(self.files)
        self.files[len(self.files)] = bytearray()
        self.changes[self.number[inode]] = []
        return self.number[inode]

    def local(self, path):
        return os.path.relpath(path, self.root)

    def take(self, event):
        op, program, inode, offset, names, data = event
        self.taken += 1
        if op == "O":
            self.out.setdefault(program, bytearray()).extend(data)
        elif op == "A":
            self.new(inode)
        elif op == "N":
            self.renamed.append(("link", self.local(names), self.new(inode)))
        elif op == "L":
            self.renamed.append(("link", self.local(names), self.number[inode]))
        elif op == "R":
            self.renamed.append(("rename",) + tuple(map(self.local, names.split("\0"))))
        elif op == "U":
            self.renamed.append(("unlink", self.local(names), None))
        elif op == "W":
            self.changes[self.number[inode]].append((offset, data))
        elif op == "T":
            self.changes[self.number[inode]].append((offset, None))
        elif op == "S":
            number = self.number[inode]
            for change in self.changes[number]:
                self.apply(self.files[number], *change)
            self.changes[number] = []
        elif op == "D":
            for change in self.renamed:
                rename(self.names, *change)
            self.renamed = []

    @staticmethod
    def apply(content, offset, data):
        if data is not None:
            put(content, offset, data)
        elif len(content) > offset:
            del content[offset:]
        else:
            put(content, offset, b"")

    def image(self, folder, mode, chance):
        """Writes the disk as it may be now."""
        names = dict(self.names)
        most = {"none": 0, "all": len(self.renamed)}.get(mode, chance.randint(0, len(self.renamed)))
        for change in self.renamed[:most]:
            rename(names, *change)
        for path, number in names.items():
            content = bytearray(self.files[number])
            changes = self.changes[number]
            if mode == "torn":
                changes = changes[:chance.randint(0, len(changes))]
            for at, (offset, data) in enumerate(changes):
                torn = mode == "torn" and at == len(changes) - 1
                if mode == "all" or mode == "torn" and not torn:
                    self.apply(content, offset, data)
                elif mode != "none":
                    self.scatter(content, offset, data, chance)
            with open(os.path.join(folder, path), "wb") as file:
                file.write(content)

    def scatter(self, content, offset, data, chance):
        if data is None:
            if chance.random() < 0.5:
                self.apply(content, offset, data)
            return
        at = 0
        while at < len(data):
            end = at + SECTOR - (offset + at) % SECTOR
            if chance.random() < 0.5:
                put(content, offset + at, data[at:end])
            at = end


def rename(names, op, path, other):
    if op == "link":
        names[path] = other
    elif op == "rename" and path in names:
        names[other] = names.pop(path)
    else:
        names.pop(path, None)


class Recording:
    """A run that was recorded: one stage, or the flow."""

    def __init__(self, world, stage):
        self.world, self.stage = world, stage
        self.root = world.folder()
        path = os.path.join(world.work, "record." + (stage.name if stage else "flow"))
        if stage:
            run = world.run(self.root, stage.command, stage.input, FAULT_RECORD=path, FAULT_SELF="0")
            statuses = {stage.name: run.status}
            self.stages = [stage]
        else:
            faults = {name: {"FAULT_RECORD": path, "FAULT_SELF": str(at)} for at, name in enumerate(FLOW)}
            statuses = Flow(world, self.root, faults, segment="1").wait()
            self.stages = [world.stages[name] for name in FLOW]
        demand(not any(statuses.values()), f"recording: {statuses}")
        self.events = events_of(path)
        os.unlink(path)
        self.changes = sum(event[0] in "WTSDNARLU" for event in self.events)

    def check(self, disk, folder, done):
        """Of what was passed on all is there; the next run is as if nothing had been."""
        world = self.world
        for at, stage in enumerate(self.stages):
            promised = last_mark(bytes(disk.out.get(at, b"")))
            for name in stage.files:
                reference = stage.reference[name]
                if name == "totals.ndjson":
                    demand(kept(folder, name) in ([reference] if done else ([], reference)), f"{name} is not whole")
                elif name == "totals.db":
                    whole_to(folder, name, stage.reference["totals.db base"], promised)
                else:
                    whole_to(folder, name, reference, promised)
        if self.stage:
            world.again(self.stage, folder)
        else:
            settles(world, folder)


def loss(world):
    """item 1: the power goes."""
    count = world.options.points or (240 if world.short else 4000)
    recordings = [Recording(world, world.stages.get(name))
                  for name in world.chosen(("flow", "dead", "rejects", "letters", "filter", "produce"))]
    groups = []
    for at, recording in enumerate(recordings):
        syncs = [number + 1 for number, event in enumerate(recording.events) if event[0] in "SD"]
        syncs += [number + 1 for number, event in enumerate(recording.events) if event[0] == "O"]
        writes = [number for number, event in enumerate(recording.events) if event[0] == "W"]
        of = collections.Counter(recording.events[number][2] for number in writes)
        # Files that are seldom written to: the databases themselves, while their logs are copied back.
        rare = [number + 1 for number in writes if of[recording.events[number][2]] < 100] or syncs
        share = max(24, count * len(recording.events) // sum(len(each.events) for each in recordings))
        points = [Point(at, len(recording.events), mode, 0) for mode in MODES]
        for number in range(share):
            # By turns just after a sync or after something is passed on, in the seldom, and anywhere.
            point = world.random.choice([syncs, rare, range(len(recording.events) + 1)][number % 3])
            points.append(Point(at, point, world.random.choice(MODES), world.random.randint(0, 1 << 30)))
        points.sort(key=lambda point: point.at)
        # Those who work take turns at the points, and each goes once through the record.
        groups += [points[job::world.options.jobs] for job in range(world.options.jobs)]
    for group in groups:
        disk = Disk(recordings[group[0].recording].root)
        for point in group:
            point.disk = disk

    def one(point):
        recording, disk = recordings[point.recording], point.disk
        while disk.taken < point.at:
            disk.take(recording.events[disk.taken])
        folder = world.folder()
        disk.image(folder, point.mode, random.Random(point.seed))
        recording.check(disk, folder, point.at == len(recording.events))
        shutil.rmtree(folder)

    world.many("losses of power", groups, one)
    print(f"  in records of {sum(each.changes for each in recordings)} changes", flush=True)


class Point:
    """Where in a record the power goes, and how."""

    def __init__(self, recording, at, mode, seed):
        self.recording, self.at, self.mode, self.seed = recording, at, mode, seed
        self.disk = None

    def __str__(self):
        return f"record {self.recording}, after {self.at} events, {self.mode} (seed {self.seed})"
