"""How a check says what it found and what it wanted."""

import logging
import struct


def same(what, got, want):
    if got != want:
        raise AssertionError(f"{what}: got {got!r}, want {want!r}")


def holds(what, condition):
    if not condition:
        raise AssertionError(what)


def bits(logprobs):
    """The float32 bits of log probabilities, None where there is none."""
    return [None if x is None else struct.pack("<f", x).hex() for x in logprobs]


class Collect(logging.Handler):
    """Keeps what the client logs at WARNING and above."""

    def __init__(self):
        super().__init__(logging.WARNING)
        self.records = []
        logging.getLogger("tinker").addHandler(self)

    def stop(self):
        """The records so far; there will be no more."""
        logging.getLogger("tinker").removeHandler(self)
        return self.records

    def emit(self, record):
        self.records.append(f"{record.levelname} {record.name}: {record.getMessage()}")

    def take(self):
        """The records so far, which then are gone."""
        records, self.records = self.records, []
        return records
