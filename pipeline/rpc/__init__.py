"""What speaks gRPC has in common: listening, TLS, health, and verdicts as statuses."""
