"""Jaeger over gRPC (port 16685): its query APIs v2 and v3, and its remote storage."""
