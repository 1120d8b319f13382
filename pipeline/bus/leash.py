"""
Run a command that does not outlive the process that started it, even when that is SIGKILLed.

    python -I -S leash.py [--poll] <parent pid> <command> [argument…]

On Linux the kernel does it: this program asks to be killed with its parent and becomes the command.
The signal is SIGKILL, not SIGTERM: there is nobody left to insist when a clean end takes for ever,
and a store that acknowledges only what it has written must bear it anyway. It comes when the
*thread* that started this program ends, so start it from a thread that lives as long as the
process: the event loop's, which is the main thread.

Elsewhere, or with --poll, this program stays as the command's parent, hands on signals and looks
once a second whether its own parent is still the same.

Uses nothing but the standard library: -I -S keep it quick to start and free of the environment.
"""

import ctypes
import os
import signal
import subprocess
import sys
import threading

PR_SET_PDEATHSIG = 1
POLL_S = 1.0
GRACE_S = 5.0


def main(argv: list[str]) -> int:
    """Run the command; return its exit status where this program stays its parent."""
    polls = argv[:1] == ["--poll"]
    parent, *command = argv[1:] if polls else argv
    if polls or sys.platform != "linux":
        return watch(int(parent), command)
    become(int(parent), command)
    return 1


def become(parent: int, command: list[str]) -> None:
    """Ask the kernel for the leash, then become the command; inherited descriptors stay open."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    # The parent may have died before it was asked for: then nothing will ever come.
    if os.getppid() == parent:
        os.execv(command[0], command)  # noqa: S606 - no shell is the point


def watch(parent: int, command: list[str]) -> int:
    """Run the command as a child until it ends or the parent is gone."""
    early: list[int] = []
    hand_on = early.append
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda received, _: hand_on(received))
    child = subprocess.Popen(command, close_fds=False)  # noqa: S603 - our own caller's command
    hand_on = child.send_signal
    for received in early:
        child.send_signal(received)
    ended = threading.Event()

    def wait() -> None:
        child.wait()
        ended.set()

    threading.Thread(target=wait, daemon=True).start()
    while not ended.wait(POLL_S):
        if os.getppid() != parent:
            child.terminate()
            if not ended.wait(GRACE_S):
                child.kill()
                ended.wait()
    return child.returncode if child.returncode >= 0 else 128 - child.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
