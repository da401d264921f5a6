"""The table of REST resources."""

from __future__ import annotations

from functools import partial

from crm_sms.sandbox.salesforce import bulk, collections, limits, paging, records, search
from crm_sms.sandbox.salesforce.calls import Answer, Call
from crm_sms.sandbox.salesforce.composite import composite
from crm_sms.sandbox.salesforce.desk import Desk, Resources, dispatch


def answer(desk: Desk, call: Call) -> Answer:
    """Answers a call below /services/data/vNN.0."""
    return dispatch(RESOURCES, desk, call)


RESOURCES: Resources = {
    (): {"GET": records.resources},
    ("limits",): {"GET": limits.limits},
    ("jobs", "query"): {"GET": bulk.listed, "POST": bulk.create},
    ("jobs", "query", None): {"GET": bulk.state, "PATCH": bulk.abort, "DELETE": bulk.delete},
    ("jobs", "query", None, "results"): {"GET": bulk.results},
    ("query",): {"GET": paging.query},
    ("queryAll",): {"GET": paging.query_all},
    ("search",): {"GET": search.search},
    ("query", None): {"GET": paging.more},
    ("queryAll", None): {"GET": paging.more},
    ("composite",): {"POST": partial(composite, answer)},
    ("composite", "sobjects"): {
        "POST": collections.create,
        "PATCH": collections.update,
        "DELETE": collections.delete,
    },
    ("composite", "sobjects", None): {"POST": collections.read},
    ("composite", "sobjects", None, None): {"PATCH": collections.upsert},
    ("sobjects",): {"GET": records.global_describe},
    ("sobjects", None): {"GET": records.basic, "POST": records.create},
    ("sobjects", None, "describe"): {"GET": records.describe},
    ("sobjects", None, None): {
        "GET": records.read,
        "PATCH": records.change,
        "DELETE": records.delete,
    },
    ("sobjects", None, None, None): {"GET": records.read_by_key, "PATCH": records.upsert},
}
