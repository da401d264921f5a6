"""How much of Jinja2 a mapping may use: names, comparisons, filters and conditions, but nothing
that can run for long or reach beyond the facts."""

from __future__ import annotations

from collections.abc import Mapping

from jinja2 import nodes

from crm_sms.mapping.names import Kind, Path, Scope

_ALLOWED = (
    nodes.Template,
    nodes.Output,
    nodes.TemplateData,
    nodes.If,
    nodes.Name,
    nodes.Const,
    nodes.Getattr,
    nodes.Getitem,
    nodes.And,
    nodes.Or,
    nodes.Not,
    nodes.Compare,
    nodes.Operand,
    nodes.CondExpr,
    nodes.Concat,
    nodes.Add,
    nodes.Sub,
    nodes.Mul,
    nodes.Div,
    nodes.FloorDiv,
    nodes.Mod,
    nodes.Neg,
    nodes.Pos,
    nodes.Filter,
    nodes.Keyword,
    nodes.Test,
    nodes.Tuple,
    nodes.List,
)
_OF_OPERATIONS: Mapping[type[nodes.Node], Kind] = {
    nodes.Compare: Kind.CHECKBOX,
    nodes.Not: Kind.CHECKBOX,
    nodes.Test: Kind.CHECKBOX,
    nodes.Concat: Kind.TEXT,
    nodes.Mul: Kind.NUMBER,
    nodes.Div: Kind.NUMBER,
    nodes.FloorDiv: Kind.NUMBER,
    nodes.Mod: Kind.NUMBER,
    nodes.Neg: Kind.NUMBER,
}
_OF_FILTERS: Mapping[str, Kind] = {
    "date": Kind.DATE,
    "float": Kind.NUMBER,
    "int": Kind.NUMBER,
    "join": Kind.TEXT,
    "length": Kind.NUMBER,
    "lower": Kind.TEXT,
    "replace": Kind.TEXT,
    "round": Kind.NUMBER,
    "title": Kind.TEXT,
    "trim": Kind.TEXT,
    "truncate": Kind.TEXT,
    "upper": Kind.TEXT,
}
_CALLED = {nodes.For: "a loop", nodes.Call: "a call", nodes.Pow: "a power"}


def paths_in(node: nodes.Node, scope: Scope) -> list[Path]:
    """Every path that an expression or template reads.

    Raises ValueError for a name that the scope lacks and for anything beyond the language. What
    passes ends after a number of steps that its source bounds: there are no loops and no calls.
    """
    if isinstance(node, nodes.Name | nodes.Getattr | nodes.Getitem):
        return [path_of(node, scope)]
    if not isinstance(node, _ALLOWED):
        word = _CALLED.get(type(node), f"“{type(node).__name__.lower()}”")
        raise ValueError(f"{word} cannot be used here; use names, filters, comparisons and if")
    found = []
    for child in node.iter_child_nodes():
        paths = paths_in(child, scope)
        if isinstance(child, nodes.Name) and not isinstance(node, nodes.Output):
            _refuse_link(paths[0])
        found += paths
    return found


def path_of(node: nodes.Node, scope: Scope) -> Path:
    """The path that a chain of names stands for; raises ValueError for any other base."""
    names: list[str] = []
    while not isinstance(node, nodes.Name):
        if isinstance(node, nodes.Getattr):
            names.append(node.attr)
        elif isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const):
            names.append(str(node.arg.value))
        else:
            raise ValueError("a dot may only follow a name, as in message.body")
        node = node.node
    return scope.follow(node.name, tuple(reversed(names)))


def kind_of(node: nodes.Node) -> Kind:
    """What an expression gives, where its outermost operation settles it."""
    if isinstance(node, nodes.Filter):
        return _OF_FILTERS.get(node.name, Kind.ANY)
    return _OF_OPERATIONS.get(type(node), Kind.ANY)


def _refuse_link(path: Path) -> None:
    if path.kind is Kind.LINK:
        raise ValueError(f"{path.root} can only stand alone, as {{{{ {path.root} }}}}")
