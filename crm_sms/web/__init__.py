"""The HTTP face: webhooks that are durable before they are answered, health, metrics."""

from crm_sms.errors import MissingExtra

try:
    from crm_sms.web.app import build, serve
except ModuleNotFoundError as error:
    if (error.name or "").startswith("crm_sms"):
        raise
    raise MissingExtra("web", "The web service") from error

__all__ = ["build", "serve"]
