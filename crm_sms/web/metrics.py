"""What Prometheus may count of the web service; labels hold names from the settings only."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class Metrics:
    """One service's counters, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "crm_sms_webhook_requests",
            "Webhooks by what became of them; kind is empty for what was not authentic",
            ["provider", "kind", "outcome"],
            registry=self.registry,
        )
        self.events = Counter(
            "crm_sms_events",
            "Events stored for the first time",
            ["provider", "kind"],
            registry=self.registry,
        )
        self.duplicates = Counter(
            "crm_sms_duplicates",
            "Events that were stored already",
            ["provider"],
            registry=self.registry,
        )
        self.commit_events = Histogram(
            "crm_sms_commit_events",
            "Events that shared a commit",
            buckets=(1, 2, 5, 10, 20, 50, 100, 200, 500),
            registry=self.registry,
        )
        self.commit_seconds = Histogram(
            "crm_sms_commit_seconds",
            "How long a commit took, waiting for the database's locks included",
            buckets=(0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
            registry=self.registry,
        )
        self.waiting = Gauge(
            "crm_sms_webhooks_waiting",
            "Webhooks that wait for a commit to begin",
            registry=self.registry,
        )
