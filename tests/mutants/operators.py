"""The mutants of a module: its source with one rule taken out, turned round or let through.

Statements and expressions are mutated, and each entry of each table: a line of a table is a rule as well.
Prose, names in errors, annotations, decorators and what is written for mypy alone are no rules and are left.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

Enums = Mapping[str, Sequence[str]]
"""The members of each enum, by its name: a member is mutated to the next."""


class Mutant(NamedTuple):
    """One change: the bytes of the source from `start` to `end`, and what stands in their place.

    `function` is the line of the outermost function that the change is in (its first decorator's, if it has
    one); None for what is run when the module is imported.
    """

    line: int
    start: int
    end: int
    text: str
    function: int | None

    def applied(self, source: bytes) -> bytes:
        """The whole module, mutated."""
        return source[: self.start] + self.text.encode() + source[self.end :]


COMPARED: Mapping[type[ast.cmpop], tuple[str, ...]] = {
    ast.Eq: ("!=",),
    ast.NotEq: ("==",),
    ast.Lt: ("<=", ">="),
    ast.LtE: ("<", ">"),
    ast.Gt: (">=", "<="),
    ast.GtE: (">", "<"),
    ast.Is: ("is not",),
    ast.IsNot: ("is",),
    ast.In: ("not in",),
    ast.NotIn: ("in",),
}
NAMES = {
    "any": "all",
    "all": "any",
    "min": "max",
    "max": "min",
    "ALLOW": "DENY",
    "MASK": "ALLOW",
    "DENY": "ALLOW",
    "True": "False",
    "False": "True",
}
CLEANED = frozenset(
    {"casefold", "lower", "upper", "strip", "rstrip", "lstrip", "removeprefix", "only", "within", "plus"}
)
"""Methods whose receiver is as good a value as what they make of it: it goes on as it is."""
PASSED = {
    "found": 0,
    "listed": 0,
    "may": 0,
    "narrowed": 0,
    "of_encounter": 0,
    "widened": 0,
    "filter": 1,
}
"""Calls that check rows, or narrow: the argument at that place goes on unchecked."""
OPERATED: Mapping[type[ast.operator], str] = {
    ast.Add: "-",
    ast.Sub: "+",
    ast.Mult: "//",
    ast.FloorDiv: "*",
    ast.BitOr: "&",
    ast.BitAnd: "|",
}


def mutants(source: bytes, enums: Enums, *, words: bool) -> Iterator[Mutant]:
    """Every mutant that compiles, in the order of the source; *words*: each word of a list in a text, too."""
    seen: set[bytes] = {ast.unparse(ast.parse(source)).encode()}
    for mutant in sorted(_Mutating(source, enums, words=words).all(), key=lambda mutant: mutant.start):
        try:
            normal = ast.unparse(ast.parse(mutant.applied(source))).encode()
        except SyntaxError:
            continue
        if normal not in seen:
            seen.add(normal)
            yield mutant


def enums_of(sources: Sequence[bytes]) -> Enums:
    """The enums that are defined in the sources."""
    classes = (node for one in sources for node in ast.walk(ast.parse(one)) if isinstance(node, ast.ClassDef))
    return {
        node.name: [
            target.id
            for line in node.body
            if isinstance(line, ast.Assign)
            for target in line.targets
            if isinstance(target, ast.Name)
        ]
        for node in classes
        if any(isinstance(base, ast.Name) and base.id == "Enum" for base in node.bases)
    }


def _values(node: ast.ClassDef) -> Iterator[object]:
    """The constants that the names of a class stand for."""
    for line in node.body:
        if isinstance(line, ast.Assign) and isinstance(line.value, ast.Constant):
            yield line.value.value


class _Mutating(ast.NodeVisitor):
    """Walks the tree, with the function it is in, and gathers mutants."""

    def __init__(self, source: bytes, enums: Enums, *, words: bool) -> None:
        self._source = source
        self._enums = enums
        self._words = words
        self._starts = [0]
        for line in source.splitlines(keepends=True):
            self._starts.append(self._starts[-1] + len(line))
        self._function: int | None = None
        self._found: list[Mutant] = []

    def all(self) -> list[Mutant]:
        self.visit(ast.parse(self._source))
        return self._found

    # -- where -----------------------------------------------------------------------------

    def _span(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        start = self._starts[node.lineno - 1] + node.col_offset
        return start, self._starts[node.end_lineno - 1] + node.end_col_offset

    def _text(self, node: ast.expr) -> str:
        start, end = self._span(node)
        text = self._source[start:end].decode()
        needs = isinstance(
            node, ast.BoolOp | ast.IfExp | ast.Compare | ast.Lambda | ast.BinOp | ast.UnaryOp | ast.Await
        )
        return f"({text})" if needs else text

    def _swap(self, node: ast.expr | ast.stmt, *texts: str) -> None:
        start, end = self._span(node)
        for text in texts:
            self._found.append(Mutant(node.lineno, start, end, text, self._function))

    # -- what is left as it is ---------------------------------------------------------------

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        for default in (*node.args.defaults, *filter(None, node.args.kw_defaults)):
            self.visit(default)
        before = self._function
        if before is None:
            self._function = min([node.lineno, *(each.lineno for each in node.decorator_list)])
        if node.name != "__repr__":
            self._block(node.body)
        self._function = before

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        bases = {base.id for base in node.bases if isinstance(base, ast.Name)}
        is_numbered = "Enum" in bases and {type(value) for value in _values(node)} == {int}
        if "Protocol" not in bases and not is_numbered:
            self._block(node.body)

    def visit_Module(self, node: ast.Module) -> None:
        self._block(node.body)

    def _block(self, body: Sequence[ast.stmt]) -> None:
        for line in body:
            is_text = isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant)
            if not is_text:
                self.visit(line)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None and ast.unparse(node.annotation) != "TypeAlias":
            self.visit(node.value)

    def visit_Assign(self, node: ast.Assign) -> None:
        names = [target.id for target in node.targets if isinstance(target, ast.Name)]
        is_alias = isinstance(node.value, ast.Subscript) and self._function is None
        is_variable = isinstance(node.value, ast.Call) and ast.unparse(node.value.func) == "TypeVar"
        if "__all__" not in names and not is_alias and not is_variable:
            self.visit(node.value)

    def visit_Raise(self, node: ast.Raise) -> None:
        self._swap(node, "pass")

    def visit_Import(self, node: ast.Import) -> None:
        """No rule."""

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        """No rule."""

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        self._swap(node, '"XX"')

    def visit_Assert(self, node: ast.Assert) -> None:
        """No rule."""

    # -- statements --------------------------------------------------------------------------

    def visit_If(self, node: ast.If) -> None:
        if ast.unparse(node.test) == "TYPE_CHECKING":
            return
        self._swap(node.test, "True", "False")
        self.visit(node.test)
        self._block(node.body)
        self._block(node.orelse)

    def visit_Return(self, node: ast.Return) -> None:
        if node.value is None:
            return
        if not self._is_flipped(node.value):
            self._swap(node.value, "None")
        if isinstance(node.value, ast.Compare | ast.BoolOp) or ast.unparse(node.value).startswith("not "):
            self._swap(node.value, "True", "False")
        self.visit(node.value)

    def _is_flipped(self, value: ast.expr) -> bool:
        """Whether it is a truth value or an enum's member, which has a mutant that says another."""
        if isinstance(value, ast.Attribute) and isinstance(value.value, ast.Name):
            return value.attr in self._enums.get(value.value.id, ())
        is_constant = isinstance(value, ast.Constant) and isinstance(value.value, bool)
        return is_constant or isinstance(value, ast.Compare)

    def visit_Expr(self, node: ast.Expr) -> None:
        self._swap(node, "pass" if not isinstance(node.value, ast.Yield | ast.YieldFrom) else "yield from ()")
        self.visit(node.value)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        self._swap(node, "pass")
        self.visit(node.value)

    def visit_Delete(self, node: ast.Delete) -> None:
        self._swap(node, "pass")

    def visit_For(self, node: ast.For) -> None:
        self._swap(node.iter, "()")
        self.visit(node.iter)
        self._block(node.body)

    def visit_Continue(self, node: ast.Continue) -> None:
        self._swap(node, "break")

    def visit_Break(self, node: ast.Break) -> None:
        self._swap(node, "continue")

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        if not isinstance(node.body[0], ast.Raise):
            self._swap(node.body[0], "raise")
        self._block(node.body)

    def visit_match_case(self, node: ast.match_case) -> None:
        if not isinstance(node.body[0], ast.Raise):
            self._swap(node.body[0], "raise KeyError")
        if node.guard is not None:
            self._swap(node.guard, "True", "False")
        self._block(node.body)

    # -- expressions -------------------------------------------------------------------------

    def visit_IfExp(self, node: ast.IfExp) -> None:
        self._swap(node.test, "True", "False")
        self.generic_visit(node)

    def visit_comprehension(self, node: ast.comprehension) -> None:
        for test in node.ifs:
            self._swap(test, "True", "False")
        self.generic_visit(node)

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        word = " or " if isinstance(node.op, ast.And) else " and "
        self._swap(node, f"({word.join(map(self._text, node.values))})")
        same = " and " if isinstance(node.op, ast.And) else " or "
        for left_out in node.values:
            self._swap(
                node, f"({same.join(self._text(each) for each in node.values if each is not left_out)})"
            )
        self.generic_visit(node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> None:
        if isinstance(node.op, ast.Not):
            self._swap(node, f"bool({self._text(node.operand)})")
        self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        sign = OPERATED.get(type(node.op))
        if sign is not None:
            self._swap(node, f"({self._text(node.left)} {sign} {self._text(node.right)})")
        if isinstance(node.op, ast.BitOr | ast.Add | ast.Sub):
            self._swap(node, self._text(node.left), self._text(node.right))
        self.generic_visit(node)

    def visit_Compare(self, node: ast.Compare) -> None:
        terms = [node.left, *node.comparators]
        for at, operation in enumerate(node.ops):
            for sign in COMPARED[type(operation)]:
                left, right = self._span(terms[at])[1], self._span(terms[at + 1])[0]
                before, after = self._source[left:right].decode(), ""
                # What stands between two terms may hold a parenthesis as well as the sign.
                opening = before[len(before.rstrip("( ")) :]
                closing = before[: len(before) - len(before.lstrip(")"))]
                after = f"{closing} {sign} {opening.lstrip()}"
                self._found.append(Mutant(node.lineno, left, right, after, self._function))
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        if name == "cast":  # written for the type checker
            self.visit(node.args[1])
            return
        if name == "loader" and isinstance(node.args[0], ast.Tuple):
            self._key(node.args[0])
            self.visit(node.args[1])
            return
        if isinstance(node.func, ast.Attribute) and node.func.attr in CLEANED:
            self._swap(node, self._text(node.func.value))
        if isinstance(node.func, ast.Attribute) and node.func.attr == "split":
            self._each_word(node.func.value)
        if (passed := self._passed(node)) is not None:
            self._swap(node, self._text(passed))
        self.generic_visit(node)

    def visit_Await(self, node: ast.Await) -> None:
        passed = self._passed(node.value) if isinstance(node.value, ast.Call) else None
        if passed is None:
            self.generic_visit(node)
        else:
            self._swap(node, self._text(passed))
            self.generic_visit(node.value)

    def _passed(self, node: ast.Call) -> ast.expr | None:
        """What a call that checks something was given to check."""
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        at = PASSED.get(name)
        return node.args[at] if at is not None and len(node.args) > at else None

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load) and node.id in NAMES:
            self._swap(node, NAMES[node.id])

    def visit_Attribute(self, node: ast.Attribute) -> None:
        if isinstance(node.value, ast.Name) and node.attr in self._enums.get(node.value.id, ()):
            members = self._enums[node.value.id]
            after = members[(members.index(node.attr) + 1) % len(members)]
            self._swap(node, f"{node.value.id}.{after}")
        else:
            self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        match node.value:
            case bool():
                self._swap(node, str(not node.value))
            case int() | float():
                self._swap(node, repr(node.value + 1))
            case str() if node.value.strip().endswith((".", ":")) or "\n" in node.value:
                return  # prose
            case str() if self._words and len(node.value.split()) > 2:
                self._each_word(node)
            case str():
                self._swap(node, repr(f"XX{node.value}"))
            case _:
                return

    def _key(self, node: ast.Tuple) -> None:
        """What tells two loaders of a name apart; the name need only be unlike the others."""
        for left_out in node.elts:
            if not isinstance(left_out, ast.Constant):
                left = [self._text(each) for each in node.elts if each is not left_out]
                self._swap(node, f"({', '.join(left)},)")

    def _each_word(self, node: ast.expr) -> None:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            each = node.value.split()
            for at in range(len(each)):
                self._swap(node, repr(" ".join(each[:at] + each[at + 1 :])))

    # -- tables ------------------------------------------------------------------------------

    def visit_Tuple(self, node: ast.Tuple) -> None:
        self._entries(node, "(", [self._text(each) for each in node.elts])

    def visit_List(self, node: ast.List) -> None:
        self._entries(node, "[", [self._text(each) for each in node.elts])

    def visit_Set(self, node: ast.Set) -> None:
        self._entries(node, "{", [self._text(each) for each in node.elts])

    def visit_Dict(self, node: ast.Dict) -> None:
        texts = [
            f"{self._text(key)}: {self._text(value)}" if key is not None else f"**{self._text(value)}"
            for key, value in zip(node.keys, node.values, strict=True)
        ]
        self._entries(node, "{", texts)

    def _entries(
        self, node: ast.Tuple | ast.List | ast.Set | ast.Dict, opening: str, texts: list[str]
    ) -> None:
        """Each entry left out, at the line it is on."""
        start, end = self._span(node)
        is_load = not isinstance(node, ast.Tuple | ast.List) or isinstance(node.ctx, ast.Load)
        if is_load and self._source[start : start + 1].decode() == opening:
            closing = {"(": ")", "[": "]", "{": "}"}[opening]
            entries = node.values if isinstance(node, ast.Dict) else node.elts
            for at, entry in enumerate(entries):
                left = texts[:at] + texts[at + 1 :]
                comma = "," if isinstance(node, ast.Tuple) and len(left) == 1 else ""
                text = f"{opening}{', '.join(left)}{comma}{closing}"
                if isinstance(node, ast.Set) and not left:
                    text = "set()"
                self._found.append(Mutant(entry.lineno, start, end, text, self._function))
        self.generic_visit(node)
