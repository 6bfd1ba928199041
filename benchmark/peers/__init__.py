"""Bare echo bots and a Bot API stub that the benchmarks run beside our own service."""
