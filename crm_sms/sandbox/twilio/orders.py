"""What the sandbox can be told to do, over HTTP or in the process: each order with its fields."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, NonNegativeFloat, PositiveInt

from crm_sms.sandbox.twilio.texts import Outcome, Step

HUMAN = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148"


class Order(BaseModel):
    """Unknown fields are refused, so that a misspelt one is not a silent absence."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True, frozen=True)


class Click(Order):
    """A visit to a link of a text, `after_s` seconds after it was accepted."""

    link: str
    after_s: NonNegativeFloat = 30
    user_agent: str = HUMAN
    event_type: Literal["click", "preview"] = "click"


class Answer(Order):
    """A reply to a text, `after_s` seconds after it was accepted."""

    body: str
    after_s: NonNegativeFloat = 60


class SendText(Order):
    """A text that another system sends, and what becomes of it."""

    to: str
    body: str = ""
    from_: Annotated[str, Field(alias="from")] = ""
    service: str = ""
    account: str | None = None
    status_callback: str | None = None
    media: tuple[str, ...] = ()
    outcome: Outcome = "delivered"
    error_code: int | None = None
    delays: dict[Step, NonNegativeFloat] = {}
    clicks: tuple[Click, ...] = ()
    replies: tuple[Answer, ...] = ()


class Reply(Order):
    """A text from a person to one of the account's senders, now."""

    from_: Annotated[str, Field(alias="from")]
    to: str
    body: str = ""
    media: tuple[str, ...] = ()
    advanced_opt_out: bool = False
    account: str | None = None


class Visit(Click):
    """A click on a text that exists already; `after_s` counts from now."""

    sid: str
    after_s: NonNegativeFloat = 0


class Configure(Order):
    """Where an account's callbacks go; what is not named stays as it is."""

    account: str | None = None
    inbound_url: str | None = None
    fallback_url: str | None = None
    click_url: str | None = None
    click_format: Literal["form", "json"] | None = None
    service_status_callback: str | None = None


class AddAccount(Order):
    """A further account with tokens and senders of its own."""

    sid: Annotated[str, Field(pattern="^AC[0-9a-fA-F]{32}$")]
    auth_token: Annotated[str, Field(min_length=1)]
    senders: tuple[str, ...] = ()


class Fault(Order):
    """A rule that spoils some callbacks, or some answers of the API.

    `seconds` is the delay of `late`, and for `reordered` the longest of its random delays, so that
    callbacks due within it of each other change places. `share` of them are hit, chosen by `seed`,
    at most `times`. `match` limits the rule to a kind of callback (`status`, `inbound`, `click`)
    or to one status of a text; for a fault of the API, to one HTTP method.
    """

    fault: Literal[
        "lost", "late", "doubled", "reordered", "truncated", "wrong_signature",
        "rate_limited", "unavailable", "server_error", "dropped", "shifted",
    ]  # fmt: skip
    seconds: NonNegativeFloat = 60
    share: Annotated[float, Field(ge=0, le=1)] = 1
    seed: int = 0
    times: PositiveInt | None = None
    match: str | None = None


class Deliver(Order):
    """Post what is due: at most `limit` callbacks, `parallel` at a time."""

    limit: PositiveInt | None = None
    parallel: Annotated[int, Field(ge=1, le=64)] = 1
