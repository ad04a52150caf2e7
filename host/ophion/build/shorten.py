"""Short names for what only the bootloader's own modules call by name.

Each name that frozen code uses is kept in flash once, with a pointer, a hash and a length: 16 bytes and more
for one of nine letters, 9 for one of two. `shorten` gives the linked modules short ones. A name stays what it
is when something else may know it: MicroPython (`micropython_names.txt`), the other frozen files, a text in
the code, an argument that is passed by keyword. So do exceptions, for they are printed, and constants, which
leave no name behind. A function, an attribute and an argument may share a name: they never meet.
"""

from __future__ import annotations

import ast
import builtins
import itertools
import keyword
import string
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from ophion.build.scopes import bound_names, is_constant

_LIST = Path(__file__).with_name("micropython_names.txt")
_FUNCTIONS = ast.FunctionDef | ast.AsyncFunctionDef
_COMPREHENSIONS = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
# Names of arguments, by their place: those that a function uses itself are passed over.
_ARGUMENTS = 12


@dataclass(frozen=True)
class Shortened:
    """`sources` by module, and {name: short name} of what the top levels bind, of methods, and of values."""

    sources: dict[str, str]
    globals: dict[str, str]
    attributes: dict[str, str]
    data: dict[str, str]


@lru_cache(maxsize=1)
def micropython_names() -> frozenset[str]:
    """Names that MicroPython has itself, on any port that we know."""
    return frozenset(_LIST.read_text().split())


def shorten(wholes: Mapping[str, str], others: Iterable[bytes]) -> Shortened:
    """The linked modules `wholes` ({module: source}) with short names, beside the frozen files `others`.

    A name of the top level of several modules is the same in all of them, as `link` makes it.
    """
    trees = {name: ast.parse(text) for name, text in wholes.items()}
    survey = _Survey(trees.values(), [ast.parse(text) for text in others])
    free = list(itertools.islice(_letters(), 2000))
    arguments = free[:_ARGUMENTS]
    attributes = _chosen(survey.attributes, free, survey.attribute_names)
    data = _shared(survey.data, attributes, free, survey)
    taken = {*arguments, *survey.words, *dir(builtins), "const"}
    names = _chosen(survey.globals, free, taken)
    renamer = _Renamer(names, {**attributes, **data}, survey.keywords, arguments)
    sources = {name: ast.unparse(renamer.module(tree)) + "\n" for name, tree in trees.items()}
    return Shortened(sources, names, attributes, data)


def _letters() -> Iterator[str]:
    """a, b, ... Z, aa, ab, ...; no keywords of Python."""
    for length in itertools.count(1):
        for letters in itertools.product(string.ascii_letters, repeat=length):
            if not keyword.iskeyword("".join(letters)):
                yield "".join(letters)


def _chosen(counts: Counter[str], free: list[str], taken: set[str]) -> dict[str, str]:
    """{name: short name}, the most used first; none of them is `taken`."""
    wanted = sorted(counts, key=lambda name: (-counts[name], name))
    pairs = zip(wanted, (name for name in free if name not in taken), strict=False)
    return {name: short for name, short in pairs if len(short) < len(name)}


def _shared(data: Counter[str], given: Mapping[str, str], free: list[str], survey: _Survey) -> dict[str, str]:
    """{name: short name} of values in objects: one that no object with a value of that name has already."""
    found: dict[str, str] = {}
    taken: dict[str, set[str]] = {}
    # What is set from outside may be on any object.
    never = survey.attribute_names | {given[name] for name in survey.given & set(given)}
    free = [name for name in free if name not in never]
    for name in sorted(given):
        for family in survey.families.get(name, ()):
            taken.setdefault(family, set()).add(given[name])
    for name in sorted(data, key=lambda name: (-data[name], name)):
        families = [taken.setdefault(family, set()) for family in survey.families[name]]
        short = next(s for s in free if not any(s in names for names in families))
        if len(short) < len(name):
            found[name] = short
            for names in families:
                names.add(short)
    return found


class _Survey:
    """What there is: how often `globals`, `attributes` and `data` that may get other names are used.

    `data` are attributes that only methods of their own class set: they are values, nobody looks for their
    name in a traceback, and objects of different classes may use one name for different ones. `families` has
    for each attribute the classes that have it, those that inherit from each other as one; `given` are those
    that are set from outside. `words` are all names of variables, `attribute_names` all behind a dot,
    `keywords` those of arguments that stay.
    """

    def __init__(self, wholes: Iterable[ast.Module], others: Iterable[ast.Module]) -> None:
        self.globals: Counter[str] = Counter()
        self.attributes: Counter[str] = Counter()
        self.keywords: set[str] = set()
        self.words: set[str] = set()
        self.attribute_names: set[str] = set()
        self._texts: set[str] = set()
        known = set(micropython_names())
        for tree in others:
            known |= _identifiers(tree)
        wholes = list(wholes)
        defined: set[str] = set()
        members: set[str] = set()
        for tree in wholes:
            self._count(tree)
            defined |= _definitions(tree)
            known |= _outside(tree)
            members |= _members(tree)
        known |= self._texts
        kept = known | {name for name in {*defined, *members} if name.startswith("__")}
        self.globals = _only(self.globals, defined - kept - _exceptions(wholes))
        counts, free = self.attributes, members - kept
        self.families = _families(wholes)
        self.given = _given(wholes)
        data = (free & set(self.families)) - self.given - _functions(wholes)
        self.attributes = _only(counts, free - data)
        self.data = _only(counts, data)

    def _count(self, tree: ast.Module) -> None:
        for node in ast.walk(tree):
            if isinstance(node, ast.Name):
                self.globals[node.id] += 1
                self.words.add(node.id)
            elif isinstance(node, ast.Attribute):
                self.attributes[node.attr] += 1
                self.attribute_names.add(node.attr)
            elif isinstance(node, _FUNCTIONS | ast.ClassDef):
                self.globals[node.name] += 1
                self.attributes[node.name] += 1
                self.words.add(node.name)
                self.attribute_names.add(node.name)
            elif isinstance(node, ast.arg):
                self.words.add(node.arg)
            elif isinstance(node, ast.ExceptHandler) and node.name:
                self.words.add(node.name)
            elif isinstance(node, ast.alias):
                self.words |= {node.name, node.asname or node.name}
            elif isinstance(node, ast.keyword) and node.arg:
                self.keywords.add(node.arg)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                self._texts.add(node.value)
        for name in _members(tree):
            self.attributes[name] += 1
            self.attribute_names.add(name)


def _only(counts: Counter[str], names: set[str]) -> Counter[str]:
    return Counter({name: counts[name] for name in names})


def _identifiers(tree: ast.Module) -> set[str]:
    """All names that stand in a file, whatever for."""
    found: set[str] = set()
    for node in ast.walk(tree):
        for value in vars(node).values():
            if isinstance(value, str):
                found.update(value.split("."))
    return found


def _definitions(tree: ast.Module) -> set[str]:
    """Names that the top level binds, but for imports and constants."""
    kept = [s for s in tree.body if not isinstance(s, ast.Import | ast.ImportFrom) and not is_constant(s)]
    return set(bound_names(kept))


def _outside(tree: ast.Module) -> set[str]:
    """Names that imports of other modules bind, and those that are imported under another name."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.asname or alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not (node.module or "").startswith("ophion_boot."):
            found |= {name for alias in node.names for name in (alias.name, alias.asname or alias.name)}
    return found


def _members(tree: ast.Module) -> set[str]:
    """Attributes that the code itself makes: of classes, and of objects."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            found |= set(bound_names(node.body))
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            found.add(node.attr)
    return found


def _classes(trees: Iterable[ast.Module]) -> Iterator[ast.ClassDef]:
    return (node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef))


def _families(trees: list[ast.Module]) -> dict[str, set[str]]:
    """{attribute: the families of classes that have it}; a family is called as one of its classes."""
    root = {node.name: node.name for node in _classes(trees)}

    def found(name: str) -> str:
        return name if root[name] == name else found(root[name])

    for node in _classes(trees):
        for base in node.bases:
            if isinstance(base, ast.Name) and base.id in root:
                root[found(node.name)] = found(base.id)
    families: dict[str, set[str]] = {}
    for node in _classes(trees):
        own = {n.attr for n in ast.walk(node) if isinstance(n, ast.Attribute) and _is_self(n.value)}
        for name in own | set(bound_names(node.body)):
            families.setdefault(name, set()).add(found(node.name))
    return families


def _is_self(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "self"


def _functions(trees: list[ast.Module]) -> set[str]:
    return {node.name for tree in trees for node in ast.walk(tree) if isinstance(node, _FUNCTIONS)}


def _given(trees: list[ast.Module]) -> set[str]:
    """Attributes that something else than a method of their class sets."""
    nodes = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Attribute)]
    return {node.attr for node in nodes if not isinstance(node.ctx, ast.Load) and not _is_self(node.value)}


def _exceptions(trees: Iterable[ast.Module]) -> set[str]:
    """Classes of exceptions: those that are made from one, at any distance."""
    bases = {
        node.name: [base.id for base in node.bases if isinstance(base, ast.Name)]
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    }

    def is_exception(name: str) -> bool:
        value = getattr(builtins, name, None)
        if isinstance(value, type):
            return issubclass(value, BaseException)
        return any(is_exception(base) for base in bases.get(name, ()))

    return {name for name in bases if is_exception(name)}


@dataclass
class _Scope:
    """A function, a comprehension or the body of a class; `names` it binds, `renamed` are its arguments."""

    names: set[str]
    renamed: dict[str, str] = field(default_factory=dict)
    is_class: bool = False


class _Renamer(ast.NodeTransformer):
    """Gives a module its new names."""

    def __init__(
        self,
        names: Mapping[str, str],
        attributes: Mapping[str, str],
        keywords: set[str],
        arguments: list[str],
    ) -> None:
        self._names = names
        self._attributes = attributes
        self._keywords = keywords
        self._arguments = arguments
        self._scopes: list[_Scope] = []

    def module(self, tree: ast.Module) -> ast.Module:
        """`tree` itself, renamed."""
        tree.body = [self.visit(stmt) for stmt in tree.body]
        return tree

    # Scopes

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.decorator_list = [self.visit(d) for d in node.decorator_list]
        self._defaults(node.args)
        node.name = self._called(node.name)
        shared = {
            name for s in node.body for n in ast.walk(s) if isinstance(n, ast.Global) for name in n.names
        }
        self._scopes.append(_Scope(_arguments(node.args) | (set(bound_names(node.body)) - shared)))
        self._rename_arguments(node.args, node.body)
        node.body = [self.visit(stmt) for stmt in node.body]
        self._scopes.pop()
        return node

    visit_AsyncFunctionDef = visit_FunctionDef  # type: ignore[assignment]

    def visit_Lambda(self, node: ast.Lambda) -> ast.AST:
        self._defaults(node.args)
        self._scopes.append(_Scope(_arguments(node.args)))
        self._rename_arguments(node.args, [node.body])
        node.body = self.visit(node.body)
        self._scopes.pop()
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        node.bases = [self.visit(base) for base in node.bases]
        node.name = self._called(node.name)
        scope = _Scope(set(), is_class=True)
        self._scopes.append(scope)
        for number, stmt in enumerate(node.body):
            bound = bound_names([stmt])
            node.body[number] = self.visit(stmt)
            scope.names |= set(bound)
        self._scopes.pop()
        return node

    def _comprehension(self, node: ast.AST) -> ast.AST:
        generators = node.generators  # type: ignore[attr-defined]
        self._scopes.append(_Scope({name for g in generators for name in bound_names([g.target])}))
        self.generic_visit(node)
        self._scopes.pop()
        return node

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = _comprehension

    def _defaults(self, args: ast.arguments) -> None:
        args.defaults = [self.visit(default) for default in args.defaults]
        args.kw_defaults = [default and self.visit(default) for default in args.kw_defaults]
        for arg in args.args:
            arg.annotation = arg.annotation and self.visit(arg.annotation)

    def _rename_arguments(self, args: ast.arguments, body: list[ast.stmt] | list[ast.expr]) -> None:
        """Arguments of the innermost scope get the names of their places, unless they are passed by name."""
        scope = self._scopes[-1]
        used = {n.id for part in body for n in ast.walk(part) if isinstance(n, ast.Name)}
        used |= {a.arg for part in body for n in ast.walk(part) for a in [n] if isinstance(a, ast.arg)}
        used |= {name for outer in self._scopes for name in outer.renamed.values()}
        used |= scope.names
        free = [name for name in self._arguments if name not in used]
        for arg in args.args:
            if arg.arg in self._keywords or arg.arg == "self" or not free:
                continue
            scope.renamed[arg.arg] = arg.arg = free.pop(0)

    # Names

    def visit_Name(self, node: ast.Name) -> ast.AST:
        inner = self._scopes[-1] if self._scopes else None
        if inner and inner.is_class and (isinstance(node.ctx, ast.Store) or node.id in inner.names):
            node.id = self._attributes.get(node.id, node.id)
        else:
            node.id = self._variable(node.id)
        return node

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        node.value = self.visit(node.value)
        node.attr = self._attributes.get(node.attr, node.attr)
        return node

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> ast.AST:
        node.name = node.name and self._variable(node.name)
        return self.generic_visit(node)

    def visit_Global(self, node: ast.Global) -> ast.AST:
        node.names = [self._names.get(name, name) for name in node.names]
        return node

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.AST:
        if not (node.module or "").startswith("ophion_boot."):
            return node
        for alias in node.names:
            name = alias.name
            alias.name = self._names.get(name, name)
            if self._scopes and alias.name != name:
                alias.asname = alias.asname or name
        return node

    def _called(self, name: str) -> str:
        """The name of a function or a class that the innermost scope defines."""
        if not self._scopes:
            return self._names.get(name, name)
        return self._attributes.get(name, name) if self._scopes[-1].is_class else name

    def _variable(self, name: str) -> str:
        for scope in reversed(self._scopes):
            if not scope.is_class and name in scope.names:
                return scope.renamed.get(name, name)
        return self._names.get(name, name)


def _arguments(args: ast.arguments) -> set[str]:
    found = {arg.arg for arg in [*args.posonlyargs, *args.args, *args.kwonlyargs]}
    return found | {arg.arg for arg in (args.vararg, args.kwarg) if arg}
