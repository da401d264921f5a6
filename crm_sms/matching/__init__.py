"""Whom a text concerns."""

from crm_sms.matching.excerpts import Cause, Excerpt, Match
from crm_sms.matching.matches import Touched, match_texts, touched
from crm_sms.matching.opportunities import OpportunityRule, Pipeline, choose_opportunity
from crm_sms.matching.rules import Candidate, Choice, Rule, choose
from crm_sms.matching.survivors import LONGEST_CHAIN, Followed, follow

__all__ = [
    "LONGEST_CHAIN",
    "Candidate",
    "Cause",
    "Choice",
    "Excerpt",
    "Followed",
    "Match",
    "OpportunityRule",
    "Pipeline",
    "Rule",
    "Touched",
    "choose",
    "choose_opportunity",
    "follow",
    "match_texts",
    "touched",
]
