"""What all parts of the campaign share: a day, what must come of it, the stages, and how they are run and judged.

What must come of the day is not taken from the programs: base, totals, unsettled and dead lines are those of
tests/oracle/settle_day.py, the messages are the day's lines, and duplicates are found here. A whole run is compared with
that once; later runs are compared with what that run has kept, row by row.
"""
import concurrent.futures
import errno
import gzip
import importlib.util
import json
import os
import random
import resource
import shutil
import signal
import sqlite3
import struct
import subprocess
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TREE = os.path.dirname(os.path.dirname(HERE))
DEDUPE_BY = "merchantNumber,paymentDate,amount,paymentActionType"
HANGS = 60  # seconds after which a program is taken to hang
SPOKEN = {66, 71, 73, 74, 75, 77}  # statuses that fit a system that fails


class Wrong(Exception):
    """Something that must not be; the campaign has found a bug."""


def load_oracle():
    spec = importlib.util.spec_from_file_location("settle_day", os.path.join(TREE, "tests/oracle/settle_day.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


ORACLE = load_oracle()


def demand(true, text):
    if not true:
        raise Wrong(text)


# --- what is kept

CLAIM = struct.Struct("<qqqqIIii")  # as cmd/pay-filter/claims.c has it


def unfold(connection):
    """The claims of pay-filter --dedupe, which lie in pieces of 48 bytes each, as a table of this connection."""
    connection.execute("CREATE TEMP TABLE claim(high, low, payment, offset, partition, source, day, met)")
    for (piece,) in connection.execute("SELECT claims FROM piece").fetchall():
        connection.executemany("INSERT INTO claim VALUES(?, ?, ?, ?, ?, ?, ?, ?)", CLAIM.iter_unpack(piece))


def rows(path, sql):
    """The rows of a database; None where it, or the table, is not there yet."""
    if not os.path.exists(path):
        return None
    # To look must change nothing, but a journal that is left over can only be taken back by who may write.
    mode = "rw" if os.path.exists(path + "-journal") else "ro"
    connection = sqlite3.connect(f"file:{path}?mode={mode}", uri=True)
    try:
        if " claim " in sql:
            unfold(connection)
        return connection.execute(sql).fetchall()
    except sqlite3.OperationalError as error:
        if "no such table" in str(error):
            return None
        raise Wrong(f"{path}: {error}") from error
    except sqlite3.DatabaseError as error:
        raise Wrong(f"{path}: {error}") from error
    finally:
        connection.close()


PAYMENT = ("source, partition, offset, amount, paymentType, payoutDate, confirmDate, merchantNumber, paymentDate,"
           " paymentActionType, paymentMethodType, rule, members, record")
TABLES = {
    "log.db": ["SELECT source, partition, offset, channel, action, message FROM payment_log ORDER BY 1, 2, 3",
               "SELECT source, partition, offset, stage, reason, raw, corrected FROM dead_letter ORDER BY 1, 2, 3"],
    "settle.db": [f"SELECT {PAYMENT} FROM base ORDER BY 1, 2, 3",
                  f"SELECT {PAYMENT}, reason FROM unsettlement ORDER BY 1, 2, 3",
                  "SELECT source, partition, offset, stage, reason, raw, corrected FROM dead_letter ORDER BY 1, 2, 3"],
    "totals.db": ["SELECT * FROM statistics ORDER BY 1, 2, 3, 4", "SELECT source, partition, chunk, bits FROM known"],
    "seen.db": ["SELECT min(c.offset) OVER (PARTITION BY c.high, c.low), s.name, c.partition, c.offset, c.day, c.met, c.payment & 3"
                " FROM claim c JOIN source s ON s.id = c.source ORDER BY 4"],
}
COVER = "SELECT source, partition, lo, hi FROM cover ORDER BY 1, 2, 3"


def lines_of(path):
    try:
        with open(path, "rb") as file:
            return file.read().split(b"\n")
    except FileNotFoundError:
        return []


def kept(folder, name):
    """What a file of a run holds, in a form that does not depend on how often the run was interrupted."""
    path = os.path.join(folder, name)
    if name.endswith(".db"):
        cover = [COVER] if name != "seen.db" else []
        return [rows(path, sql) for sql in TABLES[name] + cover]
    if name in ("dead", "rejects"):
        return sorted(set(lines_of(path)))
    return lines_of(path)


def offset_of(line):
    return int(json.loads(line)["_src"].rsplit("/", 1)[1])


def last_mark(out):
    """The offset that the last whole mark in a stream ends before; 0 where there is none."""
    at = out.rfind(b'{"_mark":', 0, out.rfind(b"\n") + 1)
    while at >= 0:
        following = json.loads(out[at:out.index(b"\n", at)])["_mark"]["next"]
        if following:
            return max(following.values())
        at = out.rfind(b'{"_mark":', 0, at)
    return 0


def whole_to(folder, name, reference, promised):
    """A file of an interrupted run holds whole segments only, and all that was promised."""
    path = os.path.join(folder, name)
    if name in ("dead", "rejects"):
        missing = {line for line in reference if line and offset_of(line) < promised} - set(lines_of(path))
        demand(not missing, f"{name}: a mark up to {promised} was passed on, and {len(missing)} lines are missing")
    elif name == "seen.db":
        have = set(rows(path, TABLES[name][0]) or [])
        missing = {row for row in reference[0] if row[3] < promised} - have
        demand(not missing, f"{name}: a mark up to {promised} was passed on, and {len(missing)} claims are missing")
        demand(have <= set(reference[0]), f"{name}: holds claims that must not be")
    elif name.endswith(".db"):
        cover = rows(path, COVER) or []
        demand(len(cover) <= 1 and all(row[2] == 1 for row in cover), f"{name}: the cover has holes: {cover}")
        high = cover[0][3] if cover else 0
        demand(high >= promised, f"{name}: a mark up to {promised} was passed on, and only {high} is covered")
        if name == "totals.db":
            got = rows(path, "SELECT coalesce(sum(count), 0), coalesce(sum(totalAmount), 0) FROM statistics") or [(0, 0)]
            want = [row for row in reference["base"] if row[2] < high]
            demand(got == [(len(want), sum(row[3] for row in want))],
                   f"{name}: covers {high}, and has {got[0]} in its totals, not those of {len(want)} payments")
            return
        for sql, want in zip(TABLES[name], reference):
            have = rows(path, sql) or []
            demand(have == [row for row in want if row[2] < high],
                   f"{name}: covers {high}, and has other rows than those below ({sql[:60]})")


# --- running

class Run:
    """A program that was run: its status (negative: the signal), what it wrote and said."""

    def __init__(self, status, out, said):
        self.status, self.out, self.said = status, out, said


class Stage:
    def __init__(self, name, command, files, follows=None):
        self.name, self.command, self.files, self.follows = name, command, files, follows
        self.input = self.reference = self.out = self.counts = None


class World:
    def __init__(self, options):
        self.options = options
        self.short = options.short
        self.random = random.Random(options.seed)
        self.work = tempfile.mkdtemp(prefix="faults-")
        self.number = 0
        self.lock = threading.Lock()
        self.inject = os.path.abspath(options.inject)
        self.bin = os.path.abspath(options.bin)
        self.wrongs = []
        self.skips = 0
        self.make_day()

    def close(self):
        shutil.rmtree(self.work, ignore_errors=True)

    # folders and processes

    def folder(self):
        """A new folder for a run, with the day in it."""
        with self.lock:
            self.number += 1
            path = os.path.join(self.work, str(self.number))
        os.mkdir(path, 0o777)
        for name in ("day.ndjson", "day.ndjson.gz", "rules.csv"):
            os.symlink(os.path.join(self.work, name), os.path.join(path, name))
        return path

    def program(self, name):
        return os.path.join(self.bin, name)

    def environment(self, **fault):
        environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C"}
        if fault:
            environment.update(fault, LD_PRELOAD=self.inject)
        return environment

    def run(self, folder, command, data=None, limits=(), user=None, **fault):
        """Runs one program to its end, its input from a file."""

        def prepare():
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            for which, most in limits:
                resource.setrlimit(which, (most, most))

        with open(data or os.devnull, "rb") as source:
            process = subprocess.Popen([self.program(command[0])] + command[1:], cwd=folder, stdin=source,
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=prepare,
                                       user=user, env=self.environment(**fault))
            try:
                out, said = process.communicate(timeout=HANGS)
            except subprocess.TimeoutExpired as late:
                process.kill()
                process.communicate()
                raise Wrong(f"{command[0]} hangs") from late
        return Run(process.returncode, out, said.decode(errors="replace"))

    # the day

    def make_day(self):
        count = "400" if self.short else "600"
        made = subprocess.run([self.program("pay-gen"), "-n", count, "--seed", str(self.options.seed), "--merchants", "12",
                               "--test", "0.03", "--network-cancels", "0.02", "--unconfirmed", "0.03", "--duplicates",
                               "0.04", "--malformed", "0.01", "--rules", os.path.join(self.work, "rules.csv")],
                              stdout=subprocess.PIPE, check=True).stdout
        # Lines that are bad for pay-consume already.
        lines = made.split(b"\n")[:-1]
        for at in (17, 130, 255):
            lines.insert(at, b'{"channel":"ONLINE","action":')
        made = b"\n".join(lines) + b"\n"
        self.day = os.path.join(self.work, "day.ndjson")
        self.lines = lines
        for name, bytes_ in (("day.ndjson", made), ("day.ndjson.gz", gzip.compress(made))):
            with open(os.path.join(self.work, name), "wb") as file:
                file.write(bytes_)
        self.expect()

    def oracle(self, folder, path):
        os.mkdir(folder)
        subprocess.run(["python3", os.path.join(TREE, "tests/oracle/settle_day.py"), "settle", "--default-cycle", "D+2",
                        "--out", folder, path + "=day.ndjson"], check=True, stdout=subprocess.DEVNULL)
        texts = {}
        for name in ("base", "unsettlement", "dead", "totals"):
            with open(os.path.join(folder, name), encoding="utf-8") as file:
                texts[name] = file.read()
        return texts

    def expect(self):
        """What the day must come to; its duplicates are those that a payment before them claims."""
        texts = self.oracle(os.path.join(self.work, "all"), self.day)
        base = {json.loads(line)[0]: line for line in texts["base"].splitlines()}
        claimed, duplicates = set(), set()
        for source in sorted(base, key=lambda source: int(source.rsplit("/", 1)[1])):
            members = dict((key, json.dumps(value)) for key, value in json.loads(base[source])[3])
            identity = tuple(members[name] for name in DEDUPE_BY.split(","))
            if identity in claimed:
                duplicates.add(source)
            claimed.add(identity)
        left = os.path.join(self.work, "left")
        with open(left, "wb") as file:
            for number, line in enumerate(self.lines, 1):
                source = f"day.ndjson/0/{number}"
                if source in duplicates:
                    line = b"{}"
                file.write(line + b"\n")
        self.expected = self.oracle(os.path.join(self.work, "settled"), left)
        self.expected["dead"] = texts["dead"]
        self.unsettled = dict(line.split(" ") for line in texts["unsettlement"].splitlines())
        self.unsettled.update((source, "DUPLICATE") for source in duplicates)
        demand(len(duplicates) > 3, "the day has no duplicates to speak of")

    # the stages

    def make_stages(self, segment="50"):
        consume = ["pay-consume", "--segment-records", segment, "--segment-seconds", "1000"]
        bases = ["--default-cycle", "D+2"]
        self.stages = {stage.name: stage for stage in (
            Stage("consume", consume + ["--dead-letter", "-", "day.ndjson"], []),
            Stage("gzip", consume + ["--dead-letter", "-", "--as", "day.ndjson", "day.ndjson.gz"], []),
            Stage("letters", consume + ["--dead-letter", "dead", "day.ndjson"], ["dead"]),
            Stage("log", ["pay-store", "--log", "-d", "log.db"], ["log.db"], "consume"),
            Stage("tobase", ["pay-tobase", "--dead-letter", "-"], [], "log"),
            Stage("dead", ["pay-tobase", "--dead-letter", "dead"], ["dead"], "log"),
            Stage("filter", ["pay-filter", "--tag", "--dedupe", "seen.db", "--dedupe-by", DEDUPE_BY], ["seen.db"], "tobase"),
            Stage("rejects", ["pay-filter", "--rejects", "rejects"], ["rejects"], "tobase"),
            Stage("deferred", ["pay-store", "--defer-indexes", "-d", "settle.db"], ["settle.db"], "rejects"),
            Stage("expression", ["pay-filter", "--tag", "--reject", "BIG=.amount > 100000"], [], "tobase"),
            Stage("table", ["pay-rule", "--rules", "rules.csv"] + bases, [], "filter"),
            Stage("rule", ["pay-rule"] + bases, [], "filter"),
            Stage("settle", ["pay-store", "-d", "settle.db"], ["settle.db"], "rule"),
            Stage("totals", ["pay-agg", "--marks", "-d", "totals.db"], ["totals.db"], "settle"),
            Stage("produce", ["pay-produce", "--to", "totals.ndjson"], ["totals.ndjson"], "totals"))}
        for stage in self.stages.values():
            if stage.follows:
                stage.input = os.path.join(self.work, "out." + stage.follows)
            folder = self.folder()
            count = os.path.join(folder, "count")
            run = self.run(folder, stage.command, stage.input, FAULT_COUNT=count)
            demand(run.status == 0, f"{stage.name} without a fault: status {run.status}: {run.said}")
            with open(count, encoding="utf-8") as file:
                stage.counts = {(call, kind): int(n) for call, kind, n in map(str.split, file)}
            stage.out = run.out
            stage.reference = {name: kept(folder, name) for name in stage.files}
            with open(os.path.join(self.work, "out." + stage.name), "wb") as file:
                file.write(run.out)
        base = self.stages["settle"].reference["settle.db"][0]
        self.stages["totals"].reference["totals.db base"] = {"base": base}
        self.check_expected(self.stages["settle"].reference["settle.db"], self.stages["log"].reference["log.db"],
                            self.stages["totals"].reference["totals.db"], self.stages["produce"].reference["totals.ndjson"])
        self.reference = {name: stage.reference[name] for stage in self.stages.values() for name in stage.files}

    def check_expected(self, settle, log, totals, produced):
        """What is kept is what must come of the day, as the oracle and the day itself say."""
        found = {}
        folder = self.folder()
        stage = self.stages["settle"]
        self.run(folder, stage.command, stage.input)
        for line in self.run(folder, ["pay-store", "-d", "settle.db", "--export", "base"]).out.split(b"\n")[:-1]:
            record = ORACLE.read_object(line)
            if record.get("_mark") is None:
                members = ORACLE.Object((key, value) for key, value in record if not key.startswith("_"))
                source = record.get("_src")
                demand(source not in found, f"{source} is in base twice")
                found[source] = ORACLE.canonical(source, None, record.get("_rule"), members)
        want = {json.loads(line)[0]: line for line in self.expected["base"].splitlines()}
        demand(found == want, f"base is not what the oracle says: {sorted(set(found) ^ set(want))[:5]}")
        reasons = {f"{row[0]}/{row[1]}/{row[2]}": row[-1] for row in settle[1]}
        demand(reasons == self.unsettled, "unsettlement is not what the oracle says")
        dead = {f"{row[0]}/{row[1]}/{row[2]}" for row in settle[2]}
        demand(dead == set(self.expected["dead"].split()), "dead letters are not what the oracle says")
        messages = {row[2]: row[5] for row in log[0]}
        letters = {row[2] for row in log[1]}
        for number, line in enumerate(self.lines, 1):
            if number in letters:
                continue
            want = f'{{"_src":"day.ndjson/0/{number}",' + line.decode()[1:]
            demand(messages.get(number) == want, f"payment_log does not hold line {number}")
        demand(len(messages) + len(letters) == len(self.lines), "payment_log and dead_letter hold more than the day")
        counted = [row[:4] + row[4:6] for row in totals[0]]
        listed = []
        for line in self.expected["totals"].splitlines():
            total = json.loads(line)
            listed.append(tuple(total["key"].values()) + (total["value"]["count"], total["value"]["totalAmount"]))
        demand(sorted(counted) == sorted(listed), "the totals are not what the oracle says")
        demand(b"\n".join(produced).decode() == self.expected["totals"], "totals.ndjson is not what the oracle says")

    # judging one stage

    def judge(self, stage, folder, run):
        """An interrupted run of a stage promised nothing that is not so."""
        demand(stage.out.startswith(run.out), f"wrote what it should not: {len(run.out)} bytes")
        if run.status == 0:
            demand(run.out == stage.out, "ended with 0 and did not write all")
        promised = last_mark(run.out)
        for name in stage.files:
            if run.status == 0:
                demand(kept(folder, name) == stage.reference[name], f"ended with 0 and {name} is not whole")
            elif name == "totals.ndjson":
                demand(kept(folder, name) in ([], stage.reference[name]), f"{name} is there, and not whole")
            elif name == "totals.db":
                whole_to(folder, name, stage.reference["totals.db base"], promised)
            else:
                whole_to(folder, name, stage.reference[name], promised)

    def again(self, stage, folder):
        """The next run is as if nothing had been."""
        run = self.run(folder, stage.command, stage.input)
        demand(run.status == 0, f"the next run: status {run.status}: {run.said.strip()}")
        demand(run.out == stage.out, "the next run does not write what it should")
        for name in stage.files:
            demand(kept(folder, name) == stage.reference[name], f"after the next run {name} is not what it should be")

    def spoken(self, stage, run):
        """A program that failed said so, with a status that fits."""
        program = stage.command[0]
        demand(run.status in SPOKEN, f"status {run.status}: {run.said.strip()}")
        said = [line for line in run.said.splitlines() if line.startswith(program + ": ")]
        demand(said and len(said[-1]) > len(program) + 10, f"status {run.status}, and says nothing: {run.said!r}")

    # many cases

    def many(self, title, groups, function):
        """Calls function(case) for all, group beside group, and reports; a case's text says how to have it again."""
        began = time.monotonic()
        wrong = []

        def one(group):
            for case in group:
                if self.options.first and wrong:
                    return
                try:
                    function(case)
                except Wrong as error:
                    wrong.append(f"{case}: {error}")

        with concurrent.futures.ThreadPoolExecutor(self.options.jobs) as pool:
            for _ in pool.map(one, groups):
                pass
        print(f"{title}: {sum(map(len, groups))} faults, {len(wrong)} wrong, {time.monotonic() - began:.0f} s", flush=True)
        for text in wrong[:self.options.show]:
            print(f"  WRONG {text}", flush=True)
        self.wrongs += wrong

    def each(self, title, cases, function):
        """The same for cases that have nothing to do with each other."""
        self.many(title, [[case] for case in cases], function)

    def chosen(self, names):
        """The stages to be tried of these, by --only."""
        return [name for name in names if self.options.only in (None, name)]

    def skip(self, title, why):
        self.skips += 1
        print(f"skipped {title}: {why}", flush=True)

    def some(self, cases, n):
        """All cases in the long form, n of them in the short one."""
        if not self.short or len(cases) <= n:
            return cases
        picked = set(self.random.sample(range(len(cases)), n))
        return [case for at, case in enumerate(cases) if at in picked]


def state_of(pid):
    """The letter that says whether a process runs (proc(5)); Z for one that is gone."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return "Z"


FLOW = ("consume", "log", "tobase", "filter", "rule", "settle", "totals", "produce")


class Flow:
    """The pipeline, started; faults: variables for the interposer by stage."""

    def __init__(self, world, folder, faults=None, segment=None, options=None, source=None, said=None,
                 resume=True):
        """source: what takes pay-consume's place; said: the folder for what is said, where there are two flows."""
        self.world, self.folder = world, said or folder
        self.processes = {}
        group = 0
        for name in FLOW[1:] if source else FLOW:
            command = list(world.stages[name].command)
            if name == "consume":
                if segment:
                    command[2] = segment
                if resume:
                    command += ["--resume", "log.db", "--resume", "settle.db", "--resume", "totals.db"]
            command += (options or {}).get(name, [])
            out = subprocess.DEVNULL if name == FLOW[-1] else subprocess.PIPE
            with open(os.path.join(self.folder, "said." + name), "wb") as said:
                process = subprocess.Popen([world.program(command[0])] + command[1:], cwd=folder,
                                           stdin=source or subprocess.DEVNULL, stdout=out, stderr=said, process_group=group,
                                           env=world.environment(**(faults or {}).get(name, {})))
            if source:
                source.close()
            source = process.stdout
            group = group or process.pid
            self.processes[name] = process
        self.group = group

    def signal(self, victim, number):
        if victim == "group":
            for process in self.processes.values():
                if process.poll() is None:
                    process.send_signal(number)
        elif self.processes[victim].poll() is None:
            self.processes[victim].send_signal(number)

    def stopped(self, victim, seconds):
        """Waits until the victim is stopped, and says whether it is; it may also be done."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            state = state_of(self.processes[victim].pid)
            if state in "TtZX":
                return state in "Tt"
            time.sleep(0.001)
        return False

    def wait(self):
        until = time.monotonic() + HANGS
        statuses = {}
        for name, process in self.processes.items():
            try:
                statuses[name] = process.wait(max(0.1, until - time.monotonic()))
            except subprocess.TimeoutExpired as late:
                self.signal("group", signal.SIGKILL)
                for each in self.processes.values():
                    each.wait()
                raise Wrong(f"{name} hangs") from late
        return statuses

    def said(self, name):
        with open(os.path.join(self.folder, "said." + name), encoding="utf-8", errors="replace") as file:
            return file.read().strip()


FLOW_FILES = ("log.db", "settle.db", "totals.db", "totals.ndjson")


def verified(world, folder):
    for name in ("log.db", "settle.db"):
        run = world.run(folder, ["pay-store", "-d", name, "--verify"])
        demand(run.status == 0, f"--verify of {name}: {run.status}: {run.said.strip()} {run.out.decode()[:300]}")
    demand(rows(os.path.join(folder, "totals.db"), "PRAGMA integrity_check") == [("ok",)], "totals.db is damaged")


def settles(world, folder, segment=None):
    """An ordinary run ends well, and all is what it must be."""
    flow = Flow(world, folder, segment=segment)
    for name, status in flow.wait().items():
        demand(status == 0, f"the next run: {name}: status {status}: {flow.said(name)}")
    for name in FLOW_FILES:
        demand(kept(folder, name) == world.reference[name], f"after the next run {name} is not what it should be")
    verified(world, folder)


def claims(world, folder, statuses, stopped=False):
    """After an interrupted run: who ended with 0 has kept all; nobody died of a bug."""
    for name, status in statuses.items():
        demand(status not in (70, -signal.SIGSEGV, -signal.SIGABRT, -signal.SIGBUS), f"{name}: status {status}")
        if status == 0 and not stopped:
            for file in world.stages[name].files:
                if file != "seen.db":
                    demand(kept(folder, file) == world.reference[file], f"{name} ended with 0 and {file} is not whole")


NUMBERS = {name: getattr(errno, name) for name in
           ("EIO", "ENOSPC", "EINTR", "EMFILE", "EACCES", "ENOMEM", "ENOLCK", "EFBIG", "EROFS")}
