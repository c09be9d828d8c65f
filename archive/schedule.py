"""When to look at a task again, to try an asset again, to send a notification again. Pure; randomness is passed in."""

from datetime import datetime, timedelta

LOOK_CEILING = timedelta(minutes=10)
GIVE_UP = timedelta(days=14)  # the longest any provider we know keeps a file: there would be nothing left to fetch
ADOPTED_AFTER = timedelta(days=1)  # expected this long before it was registered, a task is from the past
ADOPTION = timedelta(days=1)  # within which what is from the past is asked about
HINT_FLOOR = timedelta(seconds=2)
SURE_GAP = timedelta(minutes=1)  # between the two looks that make a task from the past gone; APIs lag by seconds
RETRY_FLOOR = timedelta(seconds=1)
RETRY_CEILING = timedelta(minutes=5)
# Between the attempts at one notification: more than 24 hours in all, so that a target may be down for a whole day.
SENDS = tuple(timedelta(seconds=s) for s in (10, 60, 300, 900, 1800, 3600, 7200, 14400, 21600, 21600, 21600))
REST_FLOOR = timedelta(seconds=5)
REST_CEILING = timedelta(minutes=5)
MAX_ASKED_REST = timedelta(hours=1)  # of a target that says Retry-After; then it is asked again


def first_must_by(*, now: datetime, expected_at: datetime, link_life: timedelta) -> datetime:
    """
    The earliest instant at which a task registered *now* could be beyond reach.

    One from the past has outlived what could die soon: what is left of it lies in a storage counted in days. It gives
    way to every fresh task, whose link is about to be born, and a thousand of them are no alarm for a day.
    """
    if now - expected_at >= ADOPTED_AFTER:
        return now + ADOPTION
    return max(expected_at, now) + link_life


def next_look(
    *, now: datetime, expected_at: datetime, hinted_at: datetime | None, floor: timedelta, spread: float
) -> datetime:
    """
    The next look at an open task, a fifth of its overdue time from now, between *floor* and 10 minutes.

    *floor* is how often the provider wants to be asked about one task at most. Right after a hint the status API may
    lag behind the callback, so the gap starts at 2 s and grows from there. *spread* in [0, 1) moves the look by up to
    +20 %, so that tasks made together are not asked together.
    """
    if hinted_at is not None and now - hinted_at < LOOK_CEILING:
        gap = max(HINT_FLOOR, (now - hinted_at) / 2)
    elif now < expected_at:
        gap = max(floor, expected_at - now)
    else:
        gap = max(floor, (now - expected_at) / 5)
    return now + min(gap, LOOK_CEILING) * (1 + spread / 5)


def is_hopeless(*, now: datetime, expected_at: datetime, hinted_at: datetime | None) -> bool:
    """Whether a task that still does not end is given up; a later word of success reopens it all the same."""
    return now - max(expected_at, hinted_at or expected_at) > GIVE_UP


def next_try(
    *, now: datetime, attempts: int, must_by: datetime, spread: float, asked: timedelta | None = None
) -> datetime:
    """
    The next attempt after *attempts* failed ones: exponential with full jitter, from 1 s to 5 minutes.

    Not before *asked* is over, where the other side asked for a pause. But while the deadline is ahead at least two
    more tries fit before it, whatever was asked.
    """
    ceiling = min(RETRY_CEILING, RETRY_FLOOR * 2 ** min(attempts, 10))
    room = (must_by - now) / 3 if must_by > now else timedelta.max
    delay: timedelta = max(min(ceiling, room) * spread, min(asked or timedelta(0), room))
    return now + max(RETRY_FLOOR, delay)


def next_send(attempts: int, spread: float) -> timedelta:
    """
    How long a notification waits after *attempts* failed ones, the last included; the last pause repeats.

    *spread* in [0, 1) lengthens it by up to a fifth, so that the whole is never shorter than `SENDS`.
    """
    return SENDS[min(attempts, len(SENDS)) - 1] * (1 + spread / 5)


def rest(failures: int, asked: timedelta | None) -> timedelta:
    """
    How long nothing is sent to a target after *failures* in a row, one at least: doubling from 5 s to 5 minutes.

    Longer where it *asked* for that, up to an hour.
    """
    grown: timedelta = min(REST_CEILING, REST_FLOOR * 2 ** min(failures - 1, 10))
    return max(grown, min(asked or timedelta(0), MAX_ASKED_REST))
