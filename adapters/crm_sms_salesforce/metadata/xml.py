"""Metadata files as the Salesforce CLI writes them: elements in order, four spaces deep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from xml.etree import ElementTree

Node = str | bool | int | Mapping[str, "Node"] | Sequence["Node"]
"""A text, or elements by name; a sequence repeats its element."""

_NAMESPACE = "http://soap.sforce.com/2006/04/metadata"


def document(root: str, content: Mapping[str, Node]) -> str:
    """A whole file, the same for the same content."""
    element = ElementTree.Element(root, xmlns=_NAMESPACE)
    _fill(element, content)
    ElementTree.indent(element, space="    ")
    text = ElementTree.tostring(element, encoding="unicode", short_empty_elements=False)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


def _fill(element: ElementTree.Element, content: Mapping[str, Node]) -> None:
    for name in sorted(content, key=lambda name: (name != "fullName", name)):
        value = content[name]
        repeated = isinstance(value, Sequence) and not isinstance(value, str)
        for one in value if repeated else [value]:  # type: ignore[union-attr]
            _put(ElementTree.SubElement(element, name), one)


def _put(element: ElementTree.Element, value: Node) -> None:
    if isinstance(value, Mapping):
        _fill(element, value)
    else:
        element.text = str(value).lower() if isinstance(value, bool) else str(value)
