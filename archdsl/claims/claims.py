"""Claims -> verdicts."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

from archdsl.analyses import Facts
from archdsl.claims.figures import Figures, attributed
from archdsl.claims.reasons import reasons
from archdsl.elaborate import (
    BATCH,
    REPEATED_ARGUMENT,
    BoundClaim,
    Datum,
    Fault,
    Silence,
    equal_data,
    evaluate,
    kind_of,
    show,
)
from archdsl.ir import Condition, OpenSize, Size, at_least, equal, show_shape
from archdsl.source import Diagnostic, Edit, Kind, Label, Span, nearest
from archdsl.syntax import tree

CLAIM_FAILS = Kind(
    "claim-fails",
    "error",
    "A figure that the spec claims with `expect` is not what the network has, or one that it disputes is right after all. "
    "`~` compares at the precision printed: 138M has three digits, so 137.5M to 138.5M agree. A published figure that is "
    "wrong is written `dispute`.",
)
CLAIM_UNSUITABLE = Kind(
    "unsuitable-claim",
    "error",
    "The claim cannot be decided: its two sides are of different kinds, `~` has no number, or the network does not hold "
    "together at the sizes that it names.",
)


_BINARY = {unit: Fraction(1024, 1000) ** (power + 1) for power, unit in enumerate(("kB", "MB", "GB", "TB"))}
"""What a unit of 1024 has more than that of 1000."""


_INHERITED = "variants share the claims of their network: say it by the parameters, or in the braces of one variant"


Refused = Sequence[tuple[Mapping[str, Datum], Sequence[Diagnostic]]]
"""Sizes at which the network does not hold together, and what is wrong there."""


class Verdict(NamedTuple):
    """What became of one claim."""

    text: str
    """As written: `params ~ 138M`."""
    holds: bool
    """Whether the spec is right: the figure agrees, or is disputed and does not."""
    value: Any
    """What was computed; None where it could not be."""
    shown: str
    source: str
    disputed: bool
    span: Span
    problem: Diagnostic | None = None


def verify(facts: Facts, claims: Iterable[BoundClaim], at: Mapping[str, Datum]) -> tuple[Verdict, ...]:
    """Decides the claims of a network. Never raises on what a spec may hold.

    Args:
        at: the sizes of its symbols at which the network was built: claims that name others, or some of them, are left out.
    """
    return tuple(_verify(facts, claim, at) for claim in claims if _concerns(claim, at))


def undecided(claims: Iterable[BoundClaim], symbols: Collection[str], refused: Refused = ()) -> tuple[Verdict, ...]:
    """Verdicts on claims that name some sizes of the symbols, but none that the network can be built at."""
    return tuple(_undecided(claim, symbols, refused) for claim in claims)


def are_decided(verdicts: Iterable[Verdict]) -> bool:
    """Whether there is a figure for each, right or wrong."""
    return all(verdict.value is not None for verdict in verdicts)


def _undecided(bound: BoundClaim, symbols: Collection[str], refused: Refused) -> Verdict:
    claim = bound.syntax
    for sizes, problems in refused:
        if _concerns(bound, sizes):
            return _unfit(bound, _impossible(claim, sizes, problems))
    for binding in claim.bindings:
        close = nearest(binding.name.text, symbols)
        if close is not None and binding.name.text not in symbols:
            message = f"`{binding.name.text}` is no open size of this network"
            return _unfit(bound, Fault.misnamed(CLAIM_UNSUITABLE, message, binding.name.span, close))
    fault = Fault(
        CLAIM_UNSUITABLE,
        f"a claim names all open sizes, as whole numbers: {', '.join(symbols)}",
        claim.bindings[0].span,
        helps=(f"as `with {', '.join(f'{s} = 224' for s in symbols)}`, or none: then it is to hold for all",),
    )
    return _unfit(bound, fault)


def _impossible(claim: tree.Claim, sizes: Mapping[str, Datum], problems: Sequence[Diagnostic]) -> Fault:
    """A claim about sizes that the network does not fit."""
    at = ", ".join(f"{name} = {size}" for name, size in sizes.items())
    span = Span(claim.span.source, claim.bindings[0].span.start, claim.bindings[-1].span.end)
    labels = tuple(Label(p.primary.span, p.message) for p in problems[:1] if p.primary is not None)
    return Fault(CLAIM_UNSUITABLE, f"the network does not hold together at {at}", span, labels=labels)


def _unfit(bound: BoundClaim, fault: Fault) -> Verdict:
    claim = bound.syntax
    problem = fault.diagnostic._replace(frames=bound.frames)
    return Verdict(_text(claim), False, None, "", claim.source or "", not claim.holds, claim.span, problem)


def _text(claim: tree.Claim) -> str:
    return Span(claim.span.source, claim.figure.span.start, _value_end(claim)).text


def _concerns(bound: BoundClaim, at: Mapping[str, Datum]) -> bool:
    named = {b.name.text: b.value for b in bound.syntax.bindings if b.name.text in at}
    is_whole = len(named) in (0, len(at))
    return is_whole and all(isinstance(v, tree.Number) and v.value == at[name] for name, v in named.items())


def _verify(facts: Facts, bound: BoundClaim, sizes: Mapping[str, Datum]) -> Verdict:
    claim = bound.syntax
    try:
        if isinstance(claim.value, tree.Binary) and claim.value.operator in ("and", "or"):
            raise _two_claims(claim, claim.value)
        if isinstance(claim.figure, tree.Name) and "." in claim.figure.text:
            raise attributed(claim.figure)
        names = _figures(facts, bound, sizes)
        _check_unit(claim)
        figure = claim.figure
        computed = names.figure(figure.text, figure.span) if isinstance(figure, tree.Name) else evaluate(figure, names)
        claimed = evaluate(claim.value, names, units=True)
        agrees = _agrees(bound, computed, claimed)
    except Fault as fault:
        return _unfit(bound, fault)
    except Silence:
        return Verdict(_text(claim), False, None, "", claim.source or "", not claim.holds, claim.span)
    except OpenSize as open_size:
        return _unfit(bound, _depends(bound, str(open_size)))
    shown = _show(computed)
    holds = agrees == claim.holds
    problem = None
    if not holds:
        problem = _failure(facts, bound, computed, claimed, shown)
        problem = problem._replace(frames=bound.frames, notes=(*problem.notes, *names.notes()))
    if names.has_bound:
        shown = f"{shown}, a bound"
    return Verdict(_text(claim), holds, computed, shown, claim.source or "", not claim.holds, claim.span, problem)


def _depends(bound: BoundClaim, what: str) -> Fault:
    domain = bound.names.build.domain
    assert domain is not None
    sizes = ", ".join(f"{symbol} = {size}" for symbol, size in domain.example.items())
    return Fault(
        CLAIM_UNSUITABLE,
        f"the figure depends on open sizes ({what})",
        bound.syntax.figure.span,
        helps=(f"name them: `... with {sizes}`",),
    )


def _two_claims(claim: tree.Claim, value: tree.Binary) -> Fault:
    """`expect a == 1 and b == 2`: each comparison is a claim of its own."""
    gap = Span(claim.span.source, value.left.span.end, value.right.span.start)
    indent = " " * (claim.span.source.position(claim.span.start)[1] - 1)
    edit = Edit(gap, f"\n{indent}expect ") if value.operator == "and" and "(" not in gap.text else None
    return Fault(
        CLAIM_UNSUITABLE, "a claim is one comparison", value.span, helps=("write a claim for each",), edit=edit
    )


def _check_unit(claim: tree.Claim) -> None:
    """Raises `Fault` for a unit of bytes at a figure that counts."""
    value = claim.value
    if not isinstance(value, tree.Number) or not value.unit.endswith("B") or "memory" in claim.figure.span.text:
        return
    counted = value.span.text[: -len(value.unit)] + {"B": "G", "kB": "k", "KiB": "k"}.get(value.unit, value.unit[0])
    meant = "a billion is `G`" if value.unit == "B" else "only `memory` is in bytes"
    is_either = value.unit == "B" and "." not in counted
    plain = f" for billions, `{counted[:-1]}` for a plain count" if is_either else ""
    raise Fault(
        CLAIM_UNSUITABLE,
        f"`{value.unit}` is a unit of bytes: {meant}",
        value.span,
        helps=(f"write `{counted}`{plain}",),
        edit=None if is_either else Edit(value.span, counted),
    )


def _value_end(claim: tree.Claim) -> int:
    """Where the claim proper ends; its conditions belong to it, its source does not."""
    ends = [claim.value.span.end, *(b.span.end for b in claim.bindings)]
    return max([*ends, claim.within.span.end] if claim.within is not None else ends)


def _figures(facts: Facts, bound: BoundClaim, sizes: Mapping[str, Datum]) -> Figures:
    batch, training = facts.batch, False
    first: dict[str, Span] = {}
    for binding in bound.syntax.bindings:
        name = binding.name.text
        if name in first:
            labels = (Label(first[name], "given here first"),)
            raise Fault(REPEATED_ARGUMENT, f"`{name}` of the claim is given twice", binding.span, labels=labels)
        first[name] = binding.span
        if binding.name.text in sizes:
            continue
        if binding.value is None:
            training = True
            continue
        value = evaluate(binding.value, bound.names)
        if binding.name.text != BATCH:
            is_batch = binding.name.text.casefold() in ("batch", "batch_size", "n", "bs")
            free = ", ".join(sizes)
            raise Fault(
                CLAIM_UNSUITABLE,
                f"`{binding.name.text}` is no open size of this network, which has {free or 'none'}",
                binding.span,
                helps=("`with N = 32` sets the batch, `with training` adds the parts for training only",),
                edit=Edit(binding.name.span, BATCH) if is_batch else None,
            )
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise Fault(CLAIM_UNSUITABLE, "`N` is a whole number of at least 1", binding.span)
        batch = value
    return Figures(facts, bound.names, batch, training)


def _agrees(bound: BoundClaim, computed: Any, claimed: Any) -> bool:
    """Whether the published relation is true. Raises `Fault` where the sides cannot be compared."""
    claim = bound.syntax
    if isinstance(computed, tuple) or isinstance(claimed, tuple):
        if claim.relation != "==" or claim.within is not None:
            raise Fault(CLAIM_UNSUITABLE, f"a shape is compared with `==`, not `{claim.relation}`", claim.value.span)
        return _is_known(equal_data(computed, claimed))
    for value, side in ((computed, claim.figure), (claimed, claim.value)):
        if isinstance(value, bool) or not isinstance(value, int | Fraction | Size):
            raise Fault(CLAIM_UNSUITABLE, "a claim compares numbers or shapes", side.span, f"this is {kind_of(value)}")
    if isinstance(computed, Size) or isinstance(claimed, Size):
        return _agree_for_all(bound, computed, claimed)
    slack = _slack(claim, claimed)
    if claim.relation == "<=":
        return bool(computed <= claimed + slack)
    if claim.relation == ">=":
        return bool(computed >= claimed - slack)
    return bool(abs(computed - claimed) <= slack)


def _agree_for_all(bound: BoundClaim, computed: Any, claimed: Any) -> bool:
    """Whether the relation is true for all sizes that are open. Raises `Fault`."""
    claim = bound.syntax
    if claim.relation == "~" or claim.within is not None:
        raise _depends(bound, str(computed))
    if claim.relation == "<=":
        return _is_known(at_least(claimed, computed))
    return _is_known(at_least(computed, claimed) if claim.relation == ">=" else equal(computed, claimed))


def _is_known(condition: Condition) -> bool:
    """Whether a condition holds for all sizes that are open."""
    return condition if isinstance(condition, bool) else condition.domain.decide(condition) is True


def _slack(claim: tree.Claim, claimed: Any) -> Fraction:
    """How far off a figure may be. Raises `Fault`."""
    if claim.within is not None:
        return abs(Fraction(claimed)) * claim.within.value / 100
    return _digit(claim.value) / 2 if claim.relation == "~" else Fraction(0)


def _digit(value: tree.Expression) -> Fraction:
    """The size of the last digit printed. Raises `Fault` for what is no printed number."""
    if isinstance(value, tree.Number):
        return value.digit
    raise Fault(CLAIM_UNSUITABLE, "`~` compares at the digits of a printed number, as `138M`", value.span)


def _show(value: Any) -> str:
    if isinstance(value, tuple):
        return show_shape(value)
    return f"{value:_}" if isinstance(value, int) else show(value)


def _failure(facts: Facts, bound: BoundClaim, computed: Any, claimed: Any, shown: str) -> Diagnostic:
    claim = bound.syntax
    figure = claim.figure.span.text
    if not claim.holds:
        word = Span(claim.span.source, claim.span.start, claim.span.start + len("dispute"))
        return Diagnostic(
            CLAIM_FAILS,
            f"the disputed figure is right: `{claim.figure.span.text} {claim.relation} {claim.value.span.text}`",
            Label(claim.figure.span, f"computed {shown}"),
            helps=("write `expect` instead of `dispute`",),
            source=claim.source,
            edit=Edit(word, "expect"),
        )
    rounded = _at_precision(computed, claim.value)
    edit, why = _meant(claim, computed, claimed)
    suggestion = f"{figure} {claim.relation} {shown if claim.relation == '==' else rounded or shown}"
    own = f"write `expect {suggestion}`, or `dispute` the published figure"
    advice = _INHERITED if bound.is_inherited else own
    notes = (
        (_composition(facts),)
        if figure == "activations"
        else tuple(reasons(facts, claim, computed, claimed, lambda other: _agrees(bound, other, claimed)))
    )
    return Diagnostic(
        CLAIM_FAILS,
        f"claim does not hold: `{figure} {claim.relation} {claim.value.span.text}`",
        Label(claim.figure.span, f"computed {shown}{f' = {rounded}' if rounded and rounded != shown else ''}"),
        (Label(claim.value.span, f"claimed {_claimed(claim.value, claimed)}"),),
        notes=notes,
        helps=(why or advice,),
        source=claim.source,
        edit=edit,
    )


def _claimed(value: tree.Expression, claimed: Any) -> str:
    """The claimed side as written, and what it comes to."""
    text, shown = value.span.text, _show(claimed)
    is_plain = isinstance(value, tree.Number) or text.replace(" ", "") == shown.replace(" ", "")
    return text if is_plain else f"{text} = {shown}"


def _meant(claim: tree.Claim, computed: Any, claimed: Any) -> tuple[Edit | None, str]:
    """The claim as it was meant, where it says the right thing in the wrong form; and why."""
    value = claim.value
    if isinstance(computed, tuple) and claim.relation == "==":
        one = (claimed,) if isinstance(claimed, int) else claimed
        without = one[1:] if isinstance(one, tuple) and len(one) == len(computed) + 1 else one
        if without == computed:
            why = "shapes have no batch axis" if without is not one else "a shape is a list"
            return Edit(value.span, show_shape(computed)), f"{why}: write `{show_shape(computed)}`"
    if isinstance(value, tree.Number) and value.unit in _BINARY and isinstance(computed, int):
        binary = f"{value.span.text[:-1]}iB".replace("ki", "Ki")
        if abs(computed - Fraction(claimed) * _BINARY[value.unit]) <= _digit(value) * _BINARY[value.unit] / 2:
            return Edit(value.span, binary), f"in units of 1024 it holds: write `{binary}`"
    is_printed = isinstance(value, tree.Number) and bool(value.unit) and isinstance(computed, int | Fraction)
    if claim.relation == "==" and is_printed and abs(computed - claimed) <= _digit(value) / 2:
        gap = Span(value.span.source, claim.figure.span.end, value.span.start)
        return Edit(gap, " ~ "), f"`{value.span.text}` is rounded: compare it by `~`"
    return None, ""


def _at_precision(computed: Any, value: tree.Expression) -> str | None:
    """A number written as the claimed one is: in its unit, with a digit more where it would be needed."""
    if not isinstance(value, tree.Number) or not value.unit or not isinstance(computed, int | Fraction):
        return None
    scale = Fraction(value.digit)
    decimals = len(value.span.text.rstrip("kKMGTiB").replace("_", "").partition(".")[2])
    unit = scale * 10**decimals
    if abs(computed) < unit:
        return None  # too small for the unit: the exact figure says more
    digits = max(decimals, 1)
    return f"{float(Fraction(computed) / unit):.{digits}f}{value.unit}"


def _composition(facts: Facts) -> str:
    """Where the activations of the lectures' table come from."""
    sums: dict[str, int] = {"inputs": facts.cost.inputs}
    for layer in facts.flat.layers:
        values = facts.cost.nodes[layer.node].values * layer.times
        if values != 0:
            sums[layer.op.name] = sums.get(layer.op.name, 0) + values
    return " + ".join(f"{name} {count:_}" for name, count in sums.items()) + "; activation functions count nothing"
