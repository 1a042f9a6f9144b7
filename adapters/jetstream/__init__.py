"""The event log on NATS JetStream: embedded server, provisioning, and the log itself."""
