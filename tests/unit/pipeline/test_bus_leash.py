"""A leashed command ends with the process that started it."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.bus import leash
from tests.support.buses import until
from tests.support.processes import close, gone, python

LEASH = [sys.executable, "-I", "-S", str(Path(leash.__file__))]
MODES = pytest.mark.parametrize("mode", [(), ("--poll",)], ids=["kernel", "poll"])

PARENT = """
import os, subprocess, sys
*leash, command = sys.argv[1:]
leash = [sys.executable, "-I", "-S", *leash, str(os.getpid())]
child = subprocess.Popen([*leash, "/bin/sh", "-c", command])
sys.stdin.read()
"""
SLEEP = 'echo $$ > "{file}.new"; mv "{file}.new" "{file}"; exec sleep 600'


@MODES
@pytest.mark.slow
async def test_the_command_dies_with_a_killed_parent(mode, tmp_path):
    file = tmp_path / "pid"
    parent = python(PARENT, LEASH[-1], *mode, SLEEP.format(file=file))
    try:
        await until(file.exists)
        pid = int(file.read_text())
        assert not gone(pid)
    finally:
        close(parent)
    await until(lambda: gone(pid), 10)


@MODES
def test_the_exit_status_comes_through(mode):
    command = [*LEASH, *mode, str(os.getpid()), "/bin/sh", "-c", "exit 7"]
    assert subprocess.run(command, check=False).returncode == 7


@MODES
@pytest.mark.slow
async def test_sigterm_reaches_the_command(mode, tmp_path):
    file = tmp_path / "ready"
    script = f'trap "exit 5" TERM; touch {file}; while :; do sleep 0.01; done'
    command = [*LEASH, *mode, str(os.getpid()), "/bin/sh", "-c", script]
    process = await asyncio.create_subprocess_exec(*command)
    try:
        await until(file.exists)
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(30):
            assert await process.wait() == 5
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@MODES
def test_inherited_descriptors_stay_open(mode):
    reading, writing = os.pipe()
    try:
        script = f"echo open > /proc/self/fd/{writing}"
        command = [*LEASH, *mode, str(os.getpid()), "/bin/sh", "-c", script]
        subprocess.run(command, check=True, pass_fds=[writing])
        assert os.read(reading, 100) == b"open\n"
    finally:
        os.close(reading)
        os.close(writing)


def test_nothing_runs_when_the_parent_died_before_the_leash_was_on(tmp_path):
    file = tmp_path / "ran"
    stranger = 2**22 + 1  # above the largest process id of Linux
    command = [*LEASH, str(stranger), "/bin/sh", "-c", f"touch {file}"]
    assert subprocess.run(command, check=False).returncode == 1
    assert not file.exists()
