"""Aura: the wiring. Only this package knows all parts; nothing imports it."""

import os

# gRPC's core writes lines of its own to stderr (a taken port, a broken peer) besides the errors
# that we answer and log; it reads this when it is loaded.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")
