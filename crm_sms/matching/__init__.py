"""Whom a text concerns."""

from crm_sms.matching.matches import Excerpt, Match, Touched, match_texts, touched
from crm_sms.matching.opportunities import OpportunityRule, Pipeline, choose_opportunity
from crm_sms.matching.rules import Candidate, Choice, Rule, choose

__all__ = [
    "Candidate",
    "Choice",
    "Excerpt",
    "Match",
    "OpportunityRule",
    "Pipeline",
    "Rule",
    "Touched",
    "choose",
    "choose_opportunity",
    "match_texts",
    "touched",
]
