"""Errors of the house; every one carries a `reason` slug. Minimal form for the media work."""


class ReelkeepError(Exception):
    """Base of all our errors; *reason* is a `lower_snake` slug."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class PermanentError(ReelkeepError):
    """Trying again cannot help."""


class NotAVideoError(PermanentError):
    """The bytes are not one whole video."""


class ProbeError(ReelkeepError):
    """The decoding child gave no answer: `probe_timeout`, `probe_crashed`, `probe_refused`, `no_frame`."""
