"""The campaign itself is tried: builds of which each breaks one rule must be caught.

mutants/NAME.patch begins with lines that say what rule is broken, and "caught by: " with arguments of the campaign; git
apply reads what follows.
"""
import os
import shutil
import subprocess
import sys
import time

from world import HERE, TREE, demand

FOLDER = os.path.join(HERE, "mutants")


def catcher_of(patch):
    with open(patch, encoding="utf-8") as file:
        for line in file:
            if line.startswith("caught by: "):
                return line.split()[2:]
    return []


def run(command, folder):
    return subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)


def build(world, name):
    """A copy of the tree with the patch applied, built; what does not depend on the patch is taken from the tree's build."""
    to = os.path.join(TREE, "build/mutants", name)
    shutil.rmtree(to, ignore_errors=True)
    os.makedirs(to)
    for part in ("common", "cmd", "scripts", "tests/oracle", "tests/faults"):
        shutil.copytree(os.path.join(TREE, part), os.path.join(to, part), ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy2(os.path.join(TREE, "Makefile"), to)
    os.mkdir(os.path.join(to, "build"))
    for part in ("common", "cmd", "libpaypipe.a"):
        run(["cp", "-pr", os.path.join(TREE, "build", part), os.path.join(to, "build", part)], TREE)
    run(["cp", "-pr", world.bin, os.path.join(to, "bin")], TREE)
    # The folder is below a repository: without this git would take the patch's paths for the repository's.
    applied = run(["git", "apply", "--unsafe-paths", "-C1", "--directory=" + os.path.relpath(to, TREE),
                   os.path.join(FOLDER, name + ".patch")], TREE)
    demand(applied.returncode == 0, f"{name}: the patch no longer applies: {applied.stdout.decode()}")
    made = run(["make", "-s", "all"], to)
    demand(made.returncode == 0, f"{name}: cannot be built: {made.stdout.decode()[-2000:]}")
    return to


def mutant(world, name):
    catcher = catcher_of(os.path.join(FOLDER, name + ".patch"))
    demand(catcher, f"{name}: does not say what it is to be caught by")
    to = build(world, name)
    began = time.monotonic()
    tried = run([sys.executable, os.path.join(HERE, "campaign"), "--short", "--seed", str(world.options.seed), "--jobs", "1",
                 "--bin", os.path.join(to, "bin"), "--inject", world.inject, "--first"] + catcher, TREE)
    text = tried.stdout.decode(errors="replace")
    demand(f"(seed {world.options.seed})" in text, f"{name}: the campaign breaks off: {text[-1500:]}")
    demand(tried.returncode == 1, f"{name}: not caught by {' '.join(catcher)}")
    first = next(line.strip() for line in text.splitlines() if "WRONG" in line)
    print(f"  {name}: caught in {time.monotonic() - began:.0f} s: {first[:150]}", flush=True)
    shutil.rmtree(to)


def mutants(world):
    """item 7: each rule removed."""
    names = sorted(name[:-6] for name in os.listdir(FOLDER) if name.endswith(".patch"))
    demand(len(names) > 6, "there are no mutants")
    world.each("mutants", names, lambda name: mutant(world, name))
