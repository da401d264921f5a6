"""Which replies a person should act on, and which are only noise of phones."""

from __future__ import annotations

import re

from crm_sms.events import Direction, OptOutType
from crm_sms.messages.message import Message

_QUOTED = r"(?:[“\"].*|an? (?:image|photo|movie|video|attachment|audio message|sticker|link)\.?)"
_TAPBACKS = tuple(
    re.compile(pattern, re.DOTALL)
    for pattern in (
        rf"(?:Liked|Loved|Disliked|Laughed at|Emphasi[sz]ed|Questioned) {_QUOTED}",
        r"Removed an? (?:like|heart|dislike|laugh|exclamation|question mark) from .+",
        rf"Reacted \S{{1,12}} to {_QUOTED}",
        r"Removed \S{1,12} from [“\"].*",
        r"[^\w\s]{1,12} (?:to|removed from) [“\"].*",
    )
)
"""Reactions as phones spell them in English when the other side cannot show them; other languages
make a task, which costs a glance and loses nothing."""

_INVISIBLE = dict.fromkeys(range(0x200A, 0x200E))
"""Google Messages wraps the emoji of a reaction in these; they go before anything is compared."""

_AUTO_REPLIES = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"\W*(?:this is an )?auto(?:matic|mated)?[ -]?(?:reply|response|message)\b",
        r"\W*i.?(?: a)?m (?:currently )?driving\b",
        r"\W*i.?(?: a)?m not receiving notifications\b",
        r"\W*i.?(?: a)?m (?:currently )?(?:out of (?:the )?office|away from my phone)\b",
        r"\W*out of (?:the )?office\b",
    )
)
"""Openings of what phones send by themselves, in English."""


_ANSWERS = frozenset({"YES"})
"""Words that providers take for START and people for an answer, often the best one there is."""


def is_task_worthy(message: Message, opt_out_type: OptOutType | None) -> bool:
    """Whether this text may make a task: a verified reply that no machine wrote.

    STOP, HELP and START make none; a YES does, although a provider may take it for START. A lone
    emoji is an answer and makes one; so does a reply whose body is not known yet.
    """
    if message.direction is Direction.OUTBOUND or not message.verified:
        return False
    body = (message.body or "").translate(_INVISIBLE).strip()
    if opt_out_type and not (opt_out_type is OptOutType.START and body.upper() in _ANSWERS):
        return False
    if any(pattern.fullmatch(body) for pattern in _TAPBACKS):
        return False
    return not any(pattern.match(body) for pattern in _AUTO_REPLIES)
