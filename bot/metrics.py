"""Prometheus metrics. Labels are channels, outcomes and classes, never people."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

INBOX = Counter("khcn_inbox_total", "Updates by channel and what became of them", ["channel", "result"])
REFUSED = Counter("khcn_webhook_refused_total", "Webhook calls refused before anything was stored", ["channel", "why"])
TURNS = Counter("khcn_turns_total", "Turns by channel and outcome", ["channel", "outcome"])
TURN_SECONDS = Histogram("khcn_turn_seconds", "From stored message to stored replies", ["channel"])
DECIDE_SECONDS = Histogram(
    "khcn_decide_seconds", "The decision alone", buckets=(0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5)
)
OUTBOX = Counter("khcn_outbox_total", "Delivery attempts by channel and result", ["channel", "result"])
STREAMS = Gauge("khcn_web_streams", "Open web chat streams")
ALERTS = Counter("khcn_alerts_total", "Alerts raised by channel and kind", ["channel", "kind"])
ZALO_QUOTA = Counter("khcn_zalo_sends_total", "Zalo OA messages by the quota they used", ["quota"])
