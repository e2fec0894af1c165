"""The condition-monitoring chain of ISO 13374: pure, deterministic, without I/O.

Nothing below this folder knows about brokers, threads, files or the time of day.
"""
