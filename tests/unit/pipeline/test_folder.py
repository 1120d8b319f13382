"""A data folder has one user at a time."""

import os
import stat
import threading

import pytest

from pipeline.errors import Setup
from pipeline.folder import DataFolder
from tests.support.processes import close, line, python

HOLDER = """
import os, subprocess, sys
from pathlib import Path
from pipeline.folder import DataFolder

with DataFolder(Path(sys.argv[1])) as folder:
    child = subprocess.Popen(["sleep", "600"], pass_fds=[folder.lock], stdout=subprocess.DEVNULL)
    print(child.pid, flush=True)
    sys.stdin.read()
    os._exit(0)
"""


def test_it_is_made_for_this_user_only(tmp_path):
    with DataFolder(tmp_path / "some" / "data") as folder:
        assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700
        assert stat.S_IMODE(folder.tmp.stat().st_mode) == 0o700
        assert (folder.path / "lock").read_text() == f"{os.getpid()}\n"


def test_it_can_be_used_again_once_left(tmp_path):
    for _ in range(2):
        with DataFolder(tmp_path, orphan_wait_s=0):
            pass


def test_a_second_user_is_refused_by_name(tmp_path):
    with DataFolder(tmp_path):
        second = DataFolder(tmp_path)
        with pytest.raises(Setup) as caught:
            second.__enter__()
        assert str(caught.value) == f"data folder {tmp_path} is in use by process {os.getpid()}"
        with pytest.raises(RuntimeError):
            assert second.lock


def test_the_refused_leaves_everything_as_it_was(tmp_path):
    with DataFolder(tmp_path) as folder:
        (folder.tmp / "in use").touch()
        with pytest.raises(Setup):
            DataFolder(tmp_path).__enter__()
        assert (folder.tmp / "in use").exists()
        assert (tmp_path / "lock").read_text() == f"{os.getpid()}\n"


def test_what_was_left_in_tmp_is_removed_but_not_what_it_points_to(tmp_path):
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "file").touch()
    data = tmp_path / "data"
    with DataFolder(data) as folder:
        (folder.tmp / "deep").mkdir()
        (folder.tmp / "deep" / "file").touch()
        (folder.tmp / "link").symlink_to(tmp_path / "kept")
    with DataFolder(data) as folder:
        assert list(folder.tmp.iterdir()) == []
    folder.tmp.rmdir()
    folder.tmp.symlink_to(tmp_path / "kept")
    with DataFolder(data) as folder:
        assert not folder.tmp.is_symlink()
    assert (tmp_path / "kept" / "file").exists()


@pytest.mark.slow
def test_the_orphan_of_a_dead_user_is_waited_for(tmp_path):
    holder = python(HOLDER, tmp_path)
    orphan = int(line(holder))
    close(holder)
    timer = threading.Timer(0.3, os.kill, (orphan, 9))
    timer.start()
    try:
        with DataFolder(tmp_path):
            assert not timer.is_alive()
    finally:
        timer.join()


@pytest.mark.slow
def test_an_orphan_that_stays_is_told_of(tmp_path):
    holder = python(HOLDER, tmp_path)
    orphan = int(line(holder))
    try:
        with pytest.raises(Setup, match=f"in use by process {holder.pid}"):
            DataFolder(tmp_path).__enter__()
        holder.kill()
        holder.wait()
        with pytest.raises(Setup, match=f"a child of the dead process {holder.pid} after 0.2 s"):
            DataFolder(tmp_path, orphan_wait_s=0.2).__enter__()
    finally:
        os.kill(orphan, 9)
        close(holder)


def test_a_path_that_is_no_folder_is_a_matter_of_setup(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(Setup, match=r"data folder .*/file"):
        DataFolder(tmp_path / "file").__enter__()
