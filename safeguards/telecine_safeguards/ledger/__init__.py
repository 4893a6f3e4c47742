"""The ledger's rules: what an event is, how events are chained, what they add up to. All pure."""
