"""The HTTP face: webhooks that are durable before they are answered, health, metrics."""

from crm_sms.web.app import build, serve

__all__ = ["build", "serve"]
