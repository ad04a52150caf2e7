"""Linking: the modules of a bootloader become few, as a linker makes one program of many object files.

Frozen modules are not free: each has a name, a path, a dict in RAM and a table of the names that it uses, and
what one imports of another is looked up at run time. `link` puts modules together into one source whose
meaning is the same: a name of a module's top level gets one name in the whole, an import of a module that is
part of it goes away, and numbers and texts that are assigned once become constants. What a board left out
cannot be imported, so a branch that begins with importing it is dropped.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ophion.build.scopes import FUNCTIONS, bound_names, imported_names, single_constants
from ophion.errors import BuildError

_CONST = "ophion_boot.compat"


@dataclass
class _Module:
    """A module to be linked: its parsed `body`, and what each name of its top level is called."""

    name: str
    body: list[ast.stmt]
    names: dict[str, str] = field(default_factory=dict)
    modules: dict[str, str] = field(default_factory=dict)


class Program:
    """All modules of a firmware by name; `link` makes one source of some of them."""

    def __init__(self, sources: Mapping[str, bytes]) -> None:
        self._modules = {name: _Module(name, _stripped(text)) for name, text in sources.items()}
        self._home: dict[str, str] = {}
        # No name of a whole is one that some function uses for something of its own.
        self._taken = {*dir(builtins), "const", *_locals(self._modules.values())}
        self._taken |= {name for module in self._modules.values() for name in _foreign(module, self._modules)}

    def link(self, wholes: Mapping[str, Sequence[str]]) -> dict[str, str]:
        """{root: source} for {root: its parts}; names of a root itself stay what they are.

        A whole may import of those before it at once, of others inside of functions only. Raises BuildError
        for what cannot be linked.
        """
        orders = {}
        for root, parts in wholes.items():
            orders[root] = [self._modules[name] for name in self._ordered([*parts, root])]
            self._home.update(dict.fromkeys([*parts, root], root))
        for root, order in orders.items():
            for module in [self._modules[root], *(m for m in order if m.name != root)]:
                _name(module, self._taken, keep=module.name == root)
        return {root: self._linked(root, order) for root, order in orders.items()}

    def origins(self, root: str) -> dict[str, str]:
        """{name of the top level of the whole `root`: the module that it comes from}, after `link`."""
        modules = [self._modules[name] for name, home in self._home.items() if home == root]
        return {called: module.name for module in modules for called in module.names.values()}

    def _linked(self, root: str, order: list[_Module]) -> str:
        lines = ["from micropython import const"]
        foreign: dict[str, None] = {}
        texts = []
        for module in order:
            linker = _Linker(module, self._modules, self._home, root)
            body = linker.top(module.body)
            foreign.update(dict.fromkeys(linker.foreign))
            if body:
                texts.append(ast.unparse(ast.Module(body, [])))
        return "\n".join([*lines, *_merged(foreign), *texts]) + "\n"

    def _ordered(self, wanted: Sequence[str]) -> list[str]:
        """`wanted` so that each module stands behind those that it imports."""
        found: list[str] = []
        chosen = set(wanted)

        def visit(name: str) -> None:
            if name in found or name in visiting:
                return
            visiting.add(name)
            for other in _imports(self._modules[name].body, self._modules):
                if other in chosen:
                    visit(other)
            found.append(name)

        visiting: set[str] = set()
        for name in wanted:
            visit(name)
        return found


def _merged(lines: Iterable[str]) -> list[str]:
    """Imports of one module in one statement, at the place of the first."""
    found: dict[str, list[str]] = {}
    for line in lines:
        head, _, name = line.partition(" import ") if line.startswith("from ") else (line, "", "")
        found.setdefault(head, []).append(name)
    return [f"{head} import {', '.join(names)}" if names != [""] else head for head, names in found.items()]


def _stripped(text: bytes) -> list[ast.stmt]:
    """The body of a module without docstrings, and without annotations where they mean nothing."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and body:
            first = body[0]
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                node.body = body[1:] or [ast.Pass()]
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not node.decorator_list:
            node.returns = None
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not _is_viper(node):
            node.returns = None
            for arg in [*node.args.args, *node.args.kwonlyargs]:
                arg.annotation = None
    return [ast.fix_missing_locations(stmt) for stmt in _Plain().visit(tree).body]


class _Plain(ast.NodeTransformer):
    """Annotated assignments become plain ones."""

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.stmt:
        if node.value is None:
            return ast.Pass()
        return ast.Assign([node.target], node.value, lineno=node.lineno)


def _is_viper(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any(isinstance(d, ast.Attribute) and d.attr == "viper" for d in node.decorator_list)


def _imports(body: Sequence[ast.stmt], known: Mapping[str, object]) -> list[str]:
    """Modules among `known` that are imported at the top level or later, those at the top level first."""
    top: list[str] = []
    later: list[str] = []

    def walk(node: ast.AST, found: list[str]) -> None:
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found += [f"{node.module}.{alias.name}" for alias in node.names] + [node.module]
        for child in ast.iter_child_nodes(node):
            walk(child, later if isinstance(node, FUNCTIONS) else found)

    for stmt in body:
        walk(stmt, top)
    return [name for name in dict.fromkeys(top + later) if name in known]


def _foreign(module: _Module, known: Mapping[str, object]) -> set[str]:
    """Names that the top level of `module` has from outside."""
    nodes = [node for stmt in module.body for node in ast.walk(stmt)]
    imports = [n for n in nodes if isinstance(n, ast.Import) and n.names[0].name not in known]
    named = [n for n in nodes if isinstance(n, ast.ImportFrom) and n.module not in known]
    return set(bound_names([*imports, *named]))


def _locals(modules: Iterable[_Module]) -> set[str]:
    """Names that functions bind for themselves, in any of `modules`."""
    found: set[str] = set()
    for module in modules:
        for stmt in module.body:
            for node in ast.walk(stmt):
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    found |= set(bound_names(node.body)) - imported_names(node.body)
                    found |= {arg.arg for arg in ast.walk(node.args) if isinstance(arg, ast.arg)}
                elif isinstance(node, ast.Lambda):
                    found |= {arg.arg for arg in ast.walk(node.args) if isinstance(arg, ast.arg)}
                elif isinstance(node, ast.comprehension):
                    found |= set(bound_names([node.target]))
    return found


def _name(module: _Module, taken: set[str], keep: bool) -> None:
    """Give each name of the module's top level, imports apart, one that nobody else has."""
    constants = set() if keep else _constants(module.body)
    imported = imported_names(module.body)
    for name in bound_names(module.body):
        if name in imported:
            continue
        wanted = "_" + name if name in constants and not name.startswith("_") else name
        free, number = wanted, 1
        while free in taken and not keep:
            number += 1
            free = f"{wanted}{number}"
        taken.add(free)
        module.names[name] = free


def _constants(body: Sequence[ast.stmt]) -> set[str]:
    """Names that are assigned once, at the top level, and are a number, a text, bytes, or None or a bool."""
    names = [name for stmt in body for name, _ in single_constants(stmt)]
    changed = {name for stmt in body for node in ast.walk(stmt) for name in getattr(node, "names", [])}
    return {name for name in names if names.count(name) == 1 and name not in changed}


class _Linker(ast.NodeTransformer):
    """Rewrites one module for the whole that `root` names; `foreign` are its imports from outside."""

    def __init__(
        self, module: _Module, modules: Mapping[str, _Module], home: Mapping[str, str], root: str
    ) -> None:
        self._module = module
        self._modules = modules
        self._home = home
        self._root = root
        self._scopes: list[tuple[set[str], dict[str, str], dict[str, str]]] = []
        self.foreign: list[str] = []
        self._outside: dict[str, str] = {}

    def top(self, body: list[ast.stmt]) -> list[ast.stmt]:
        """The statements of the module."""
        self._scopes = [(set(), dict(self._module.names), {})]
        constants = _constants(body) if self._module.name != self._root else set()
        found: list[ast.stmt] = []
        for stmt in body:
            singles = single_constants(stmt)
            if singles and all(name in constants for name, _ in singles):
                found += [self._constant(name, value) for name, value in singles]
                continue
            visited = self.visit(stmt)
            found += visited if isinstance(visited, list) else [visited] if visited is not None else []
        return [ast.fix_missing_locations(stmt) for stmt in found]

    def _constant(self, name: str, value: ast.expr) -> ast.stmt:
        call = ast.Call(ast.Name("const", ast.Load()), [value], [])
        return ast.Assign([ast.Name(self._module.names[name], ast.Store())], call)

    # Imports

    def visit_Import(self, node: ast.Import) -> ast.AST | None:
        kept = [alias for alias in node.names if alias.name not in self._modules]
        if not kept:
            return None
        if len(self._scopes) > 1:
            return ast.Import(kept)
        self.foreign += [ast.unparse(ast.Import([alias])) for alias in kept]
        for alias in kept:
            name = alias.asname or alias.name.split(".")[0]
            self._scopes[0][1][name] = name
        return None

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.AST | None:
        kept: list[tuple[str, str, str]] = []
        module = node.module or ""
        at_once = len(self._scopes) == 1
        for alias in node.names:
            name = alias.asname or alias.name
            _, renamed, inner = self._scopes[-1]
            whole = f"{module}.{alias.name}"
            if module in (_CONST, "micropython") and alias.name == "const":
                renamed[name] = "const"
            elif whole in self._home:
                inner[name] = whole
            elif module in self._home and (at_once or self._home[module] == self._root):
                renamed[name] = self._of(module, alias.name)
            elif module in self._home:
                kept.append((self._home[module], self._modules[module].names[alias.name], name))
            else:
                kept.append((module, alias.name, name))
        statements = [
            ast.ImportFrom(home, [ast.alias(name, None if name == local else local)], 0)
            for home, name, local in kept
        ]
        if not at_once or not statements:
            return statements or None  # type: ignore[return-value]
        self.foreign += [ast.unparse(statement) for statement in statements]
        for _, _, local in kept:
            self._scopes[0][1][local] = local
        return None

    def _of(self, module: str, name: str) -> str:
        """What `name` of another module is called here."""
        other = self._modules[module]
        if name not in other.names:
            module, name = self._passed_on(other, name)
            return self._of(module, name)
        called, home = other.names[name], self._home[module]
        if home != self._root:
            values = [value for stmt in other.body for key, value in single_constants(stmt) if key == name]
            if values and name in _constants(other.body) and module != home:
                self._outside[called] = f"{called} = const({ast.unparse(values[0])})"
            else:
                self._outside[called] = f"from {home} import {called}"
        return called

    def _passed_on(self, other: _Module, name: str) -> tuple[str, str]:
        """Where a name comes from that `other` imports at its top level."""
        for stmt in other.body:
            for node in ast.walk(stmt):
                if isinstance(node, ast.ImportFrom) and node.module and node.module in self._home:
                    for alias in node.names:
                        if name == (alias.asname or alias.name):
                            return node.module, alias.name
        raise BuildError(f"{self._module.name}: {other.name} has no name {name}")

    # Scopes

    def _visit_scope(self, node: ast.AST, local: set[str]) -> ast.AST:
        self._scopes.append((local, {}, {}))
        self.generic_visit(node)
        self._scopes.pop()
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.decorator_list = [self.visit(d) for d in node.decorator_list]
        node.args.defaults = [self.visit(d) for d in node.args.defaults]
        node.args.kw_defaults = [d and self.visit(d) for d in node.args.kw_defaults]
        if not self._in_class():
            node.name = self._renamed(node.name)
        args = {arg.arg for arg in [*node.args.args, *node.args.kwonlyargs]}
        args |= {arg.arg for arg in (node.args.vararg, node.args.kwarg) if arg}
        shared = {
            name
            for stmt in node.body
            for n in ast.walk(stmt)
            if isinstance(n, ast.Global)
            for name in n.names
        }
        bound = set(bound_names(node.body)) - _inside(node.body, self._home, self._root)
        self._scopes.append((args | (bound - shared), {}, {}))
        node.body = self._block(node.body)
        self._scopes.pop()
        return node

    visit_AsyncFunctionDef = visit_FunctionDef  # type: ignore[assignment]

    def visit_Lambda(self, node: ast.Lambda) -> ast.AST:
        node.args.defaults = [self.visit(d) for d in node.args.defaults]
        self._scopes.append(({arg.arg for arg in node.args.args}, {}, {}))
        node.body = self.visit(node.body)
        self._scopes.pop()
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        node.bases = [self.visit(base) for base in node.bases]
        node.name = self._renamed(node.name)
        # What the class has bound so far is seen by its own statements, not by its functions.
        bound = {""}
        self._scopes.append((bound, {}, {}))
        body: list[ast.stmt] = []
        for stmt in node.body:
            body += self._block([stmt])
            bound |= set(bound_names([stmt]))
        node.body = [stmt for stmt in body if not isinstance(stmt, ast.Pass)] or [ast.Pass()]
        self._scopes.pop()
        return node

    def _in_class(self) -> bool:
        return "" in self._scopes[-1][0]

    def _comprehension(self, node: ast.AST) -> ast.AST:
        targets = {name for g in node.generators for name in bound_names([g.target])}  # type: ignore[attr-defined]
        return self._visit_scope(node, targets)

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = _comprehension

    def _block(self, body: list[ast.stmt]) -> list[ast.stmt]:
        found: list[ast.stmt] = []
        for stmt in body:
            if isinstance(stmt, ast.ImportFrom) and self._left_out(stmt):
                # It would fail, and what follows is not reached.
                found.append(ast.Raise(ast.Name("ImportError", ast.Load())))
                break
            visited = self.visit(stmt)
            found += visited if isinstance(visited, list) else [visited] if visited is not None else []
        kept = [stmt for stmt in found if not isinstance(stmt, ast.Pass)]
        return kept or [ast.Pass()]

    # Statements

    def visit_If(self, node: ast.If) -> ast.AST | list[ast.stmt] | None:
        first = node.body[0]
        if isinstance(first, ast.ImportFrom) and self._left_out(first):
            return self._block(node.orelse) if node.orelse else None
        node.test = self.visit(node.test)
        node.body = self._block(node.body)
        node.orelse = self._block(node.orelse) if node.orelse else []
        return node

    def visit_Try(self, node: ast.Try) -> ast.AST | list[ast.stmt] | None:
        """At the top level a choice between two modules is made here: by what the board has."""
        first = node.body[0]
        if len(self._scopes) == 1 and isinstance(first, ast.ImportFrom):
            if not self._left_out(first):
                return self._block(node.body)
            return self._block(node.handlers[0].body)
        node.body = self._block(node.body)
        for handler in node.handlers:
            handler.type = handler.type and self.visit(handler.type)
            handler.body = self._block(handler.body)
        node.orelse = self._block(node.orelse) if node.orelse else []
        node.finalbody = self._block(node.finalbody) if node.finalbody else []
        return node

    def _left_out(self, node: ast.ImportFrom) -> bool:
        module = node.module or ""
        return module.split(".")[0] == "ophion_boot" and module not in self._modules

    def visit_Global(self, node: ast.Global) -> ast.AST:
        node.names = [self._module.names[name] for name in node.names]
        return node

    def visit_While(self, node: ast.While) -> ast.AST:
        node.test = self.visit(node.test)
        node.body = self._block(node.body)
        return node

    # Names

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        if isinstance(node.value, ast.Name):
            for local, _, inner in reversed(self._scopes):
                if node.value.id in inner:
                    return self._used(ast.Name(self._of(inner[node.value.id], node.attr), node.ctx))
                if node.value.id in local:
                    break
        node.value = self.visit(node.value)
        return node

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if not (self._in_class() and isinstance(node.ctx, ast.Store)):
            node.id = self._renamed(node.id)
        return self._used(node)

    def _used(self, node: ast.Name) -> ast.Name:
        """`node`; what it is from outside is imported."""
        if node.id in self._outside:
            self.foreign.append(self._outside[node.id])
        return node

    def _renamed(self, name: str) -> str:
        """What `name` is called here; the class around a function is no scope of it."""
        for depth, (local, renamed, inner) in enumerate(reversed(self._scopes)):
            if name in inner:
                raise BuildError(f"{self._module.name}: the module {name} is used as a value")
            if name in renamed:
                return renamed[name]
            if name in local and (depth == 0 or "" not in local):
                return name
        return name


def _inside(body: Sequence[ast.stmt], home: Mapping[str, str], root: str) -> set[str]:
    """Names that imports in a function bind to what is part of the whole: no locals any more."""
    found = set()
    for stmt in body:
        for node in ast.walk(stmt):
            if isinstance(node, ast.ImportFrom):
                for alias in node.names:
                    whole = f"{node.module}.{alias.name}"
                    if home.get(node.module or "") == root or whole in home:
                        found.add(alias.asname or alias.name)
    return found
