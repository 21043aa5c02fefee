"""Counters for operators, in Prometheus' text form: numbers only, never a person."""

from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, Counter, generate_latest


@dataclass(frozen=True, slots=True)
class Metrics:
    """The counters of one web process."""

    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    inbound: Counter = field(init=False)

    def __post_init__(self) -> None:
        counter = Counter(
            "niangjia_inbound_requests",
            "Webhook requests by channel and what became of them.",
            ("channel", "outcome"),
            registry=self.registry,
        )
        object.__setattr__(self, "inbound", counter)

    def render(self) -> bytes:
        """All counters as text."""
        return generate_latest(self.registry)
