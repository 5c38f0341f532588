"""Streams that were cut or altered on the way from stage to stage, and what a stage must make of them: nothing."""
import json
import os
import shutil

from world import demand, kept, last_mark

REFUSES = {65, 76}


def segments_of(stream):
    """A stream as its segments, each with its mark as the last line."""
    segments, now = [], []
    for line in stream.split(b"\n")[:-1]:
        now.append(line)
        if line.startswith(b'{"_mark":'):
            segments.append(now)
            now = []
    return segments


def joined(segments):
    return b"".join(line + b"\n" for segment in segments for line in segment)


def renumbered(segments):
    """Segments whose marks count on, as if nothing were missing."""
    result = []
    for seq, segment in enumerate(segments):
        mark = json.loads(segment[-1])
        mark["_mark"]["seq"] = seq
        result.append(segment[:-1] + [json.dumps(mark, separators=(",", ":")).encode()])
    return result


def without(items, at):
    return items[:at] + items[at + 1:]


def with_segment(segments, at, segment):
    return segments[:at] + [segment] + segments[at + 1:]


def alterations(world, stream):
    """(name, altered stream, where the first altered segment begins)"""
    segments = segments_of(stream)
    chance = world.random
    for _ in range(2 if world.short else 12):
        at = chance.choice([at for at, segment in enumerate(segments) if len(segment) > 2])
        segment = segments[at]
        line = chance.randrange(len(segment) - 1)
        yield f"line {line} of segment {at} is lost", joined(with_segment(segments, at, without(segment, line))), at
        yield (f"line {line} of segment {at} comes twice",
               joined(with_segment(segments, at, segment[:line] + segment[line:line + 1] + segment[line:])), at)
        byte = chance.randrange(1, len(stream) - 1)
        whole = len(segments_of(stream[:byte] + b"\n" if stream[byte - 1:byte] != b"\n" else stream[:byte]))
        yield f"the stream is cut after {byte} bytes", stream[:byte], min(whole, len(segments_of(stream[:byte])))
        gone = chance.randrange(1, len(segments) - 1)
        yield f"segment {gone} is lost", joined(without(segments, gone)), gone
        yield f"mark {gone} is lost", joined(with_segment(segments, gone, segments[gone][:-1])), gone
        yield f"segment {gone} comes twice", joined(segments[:gone] + segments[gone:gone + 1] + segments[gone:]), gone + 1
    yield "the end mark is lost", joined(with_segment(segments, len(segments) - 1, segments[-1][:-1])), len(segments) - 1
    yield "something follows the end mark", stream + segments[1][0] + b"\n", len(segments) - 1
    yield "the stream is empty but for its first mark", joined(segments[:1]), 1


def altered(world, stage, title, stream, at):
    folder = world.folder()
    path = os.path.join(folder, "altered")
    with open(path, "wb") as file:
        file.write(stream)
    run = world.run(folder, stage.command, path)
    demand(run.status in REFUSES, f"{title}: status {run.status}: {run.said.strip()}")
    most = last_mark(joined(segments_of(stage.out)[:at + 1 if at == 0 else at]))
    demand(last_mark(run.out) <= most, f"{title}: a mark to {last_mark(run.out)} was passed on, {most} was due at most")
    demand(b'"end":"complete"' not in run.out, f"{title}: an end mark was passed on")
    if stage.name == "produce":
        demand(kept(folder, "totals.ndjson") == [], f"{title}: there is a result")
    elif stage.out.startswith(run.out):
        world.judge(stage, folder, run)
    if stage.files:
        world.again(stage, folder)
    shutil.rmtree(folder)


def gaps(world, case):
    """A segment that is missing between others whose marks count on."""
    stage, gone = world.stages[case[0]], case[1]
    folder = world.folder()
    segments = segments_of(open_bytes(stage.input))
    path = os.path.join(folder, "gap")
    with open(path, "wb") as file:
        file.write(joined(renumbered(without(segments, gone))))
    run = world.run(folder, stage.command, path)
    demand(run.status == 76, f"a hole where segment {gone} was: status {run.status}: {run.said.strip()}")
    world.judge(stage, folder, run)
    world.again(stage, folder)
    shutil.rmtree(folder)


def open_bytes(path):
    with open(path, "rb") as file:
        return file.read()


def cuts(world):
    """What comes is checked, an end comes from the source only, and no hole is taken."""
    cases = []
    for stage in map(world.stages.get, world.chosen(world.stages)):
        if stage.input:
            cases += [(stage.name,) + alteration for alteration in alterations(world, open_bytes(stage.input))]
    names = [Altered(case) for case in cases]
    world.each("altered streams", names, lambda case: altered(world, world.stages[case.stage], case.title, case.stream, case.at))
    holes = [(name, gone) for name in world.chosen(("log", "settle", "totals"))
             for gone in range(2, len(segments_of(open_bytes(world.stages[name].input))) - 1)]
    world.each("holes", holes, lambda case: gaps(world, case))


class Altered:
    """An altered stream, shown by what was done to it."""

    def __init__(self, case):
        self.stage, self.title, self.stream, self.at = case

    def __str__(self):
        return self.stage
