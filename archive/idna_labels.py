"""
Whether a host's labels that stand for other characters (`xn--…`) stand for what names may hold. Pure.

Browsers and resolvers read such labels by UTS #46 (https://www.unicode.org/reports/tr46/, 4.1, read 2026-11); a label
that one of them takes and another refuses is no host that a file is offered at. As in browsers, hyphens may stand
anywhere and emoji are letters.
"""

import unicodedata
from collections.abc import Sequence

import idna

_PREFIX = "xn--"
_JOINERS = "\u200c\u200d"
_RIGHT_TO_LEFT = {"R", "AL", "AN"}


def are_sound(labels: Sequence[str]) -> bool:
    """Whether each of *labels*, in lower-case ASCII, is an ordinary one or means a valid one."""
    if not any(label.startswith(_PREFIX) for label in labels):
        return True
    try:
        meant = [_meant(label) for label in labels]
        if any(unicodedata.bidirectional(character) in _RIGHT_TO_LEFT for label in meant for character in label):
            return all(idna.check_bidi(label, check_ltr=True) for label in meant)
    except ValueError:  # idna's own errors are such, as are the codec's
        return False
    return True


def _meant(label: str) -> str:
    """What *label* stands for. Raises ValueError where it stands for nothing valid, or might be written shorter."""
    if not label.startswith(_PREFIX):
        return label
    written = label.removeprefix(_PREFIX)
    meant = written.encode().decode("punycode")
    is_valid = (
        not meant.isascii()
        and not meant.startswith(_PREFIX)
        and written == meant.encode("punycode").decode()
        and meant == idna.uts46_remap(meant, std3_rules=False)  # nothing is mapped, ignored or denormalised
        and idna.check_initial_combiner(meant)
        and all(idna.valid_contextj(meant, place) for place, character in enumerate(meant) if character in _JOINERS)
    )
    if not is_valid:
        raise ValueError("not a label")
    return meant
