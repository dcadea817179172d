"""What code needs of the cells before it: their imports, and the statements that bind the names it reads.

A statement's names are those that it reads before it binds them itself: Python's own symbol table tells them,
and a loop or a `with` is taken apart, so that its variables do not seem to come from before.
"""

import ast
import builtins
import symtable
from typing import NamedTuple

IMPORTS = (ast.Import, ast.ImportFrom)
BLOCKS = (ast.For, ast.With)
BINDING = (*IMPORTS, *BLOCKS, ast.Assign, ast.AnnAssign, ast.FunctionDef, ast.ClassDef)


class Statement(NamedTuple):
    """A statement of a cell. `rebinds`: whether what it binds does not depend on what the name was before."""

    text: str
    reads: set
    binds: set
    rebinds: bool
    imports: bool


def list_names(cells):
    """The names that the code of cells reads before it binds them."""
    return list_reads([statement for cell in cells for statement in split_statements(cell)])


def list_reads(statements):
    """The names that Statements, one after the other, read before they bind them."""
    names = set()
    for statement in reversed(statements):
        names = (names - statement.binds if statement.rebinds else names) | statement.reads
    return names


def collect_statements(cells, names):
    """The imports of cells and the statements that `names` need, as the source of one cell.

    An exercise that was to be solved there is replaced by minilm's own function.
    """
    texts = []
    for cell in reversed(cells):
        about = read_nbgrader(cell)
        for statement in reversed([] if about.get("grade") else split_statements(cell)):
            needed = names & statement.binds
            if about.get("solution"):
                texts += [f'{name} = find("{name}").solve  # minilm\'s own' for name in sorted(needed)]
                names = names - needed | ({"find"} if needed else set())
            elif needed or statement.imports:
                names = (names - statement.binds if statement.rebinds else names) | statement.reads
                texts.append(statement.text)
    texts += ["from minilm.exercises import find"] if "find" in names else []
    return "\n".join(reversed(texts))


def split_statements(cell):
    """The Statements of a cell; lines that only a notebook knows, such as %matplotlib, are none."""
    if cell["cell_type"] != "code":
        return []
    lines = [line if line[:1] not in ("%", "!") else "" for line in read_source(cell).split("\n")]
    statements = []
    for node in ast.parse("\n".join(lines)).body:
        first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))])
        statements.append(make_statement(node, "\n".join(lines[first - 1 : node.end_lineno])))
    return statements


def make_statement(node, text):
    """The Statement of a node of Python's syntax tree."""
    symbols = symtable.symtable(text, "cell", "exec").get_symbols()
    binds = {symbol.get_name() for symbol in symbols if symbol.is_assigned() or symbol.is_imported()}
    for target in getattr(node, "targets", [getattr(node, "target", None)]):
        while isinstance(target, (ast.Subscript, ast.Attribute)):
            target = target.value  # an entry of it changes, so that whoever reads it needs this, too
        binds |= {target.id} if isinstance(target, ast.Name) else set()
    reads = read_block(node) if isinstance(node, BLOCKS) else read_names(text)
    reads |= (
        {node.target.id} if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name) else set()
    )
    rebinds = isinstance(node, BINDING) and not binds & reads
    return Statement(text, reads, binds, rebinds, isinstance(node, IMPORTS))


def read_names(text):
    """The names that simple code reads, those of its functions and comprehensions included."""

    def list_globals(table):
        for child in table.get_children():
            yield from (symbol.get_name() for symbol in child.get_symbols() if symbol.is_global())
            yield from list_globals(child)

    table = symtable.symtable(text, "cell", "exec")
    reads = {symbol.get_name() for symbol in table.get_symbols() if symbol.is_referenced()}
    return (reads | set(list_globals(table))) - set(dir(builtins))


def read_block(node):
    """The names that a `for` or a `with` reads from before it."""
    if isinstance(node, ast.For):
        heads, targets = [node.iter], [node.target]
    else:
        heads = [item.context_expr for item in node.items]
        targets = [item.optional_vars for item in node.items if item.optional_vars]
    inner = [*node.body, *getattr(node, "orelse", [])]
    reads = list_reads([make_statement(part, ast.unparse(part)) for part in inner])
    for target in targets:
        reads -= {part.id for part in ast.walk(target) if isinstance(part, ast.Name)}
    return reads.union(*(read_names(ast.unparse(head)) for head in heads))


def read_source(cell):
    """A cell's text, which JSON may hold in lines."""
    return "".join(cell["source"])


def read_nbgrader(cell):
    """What nbgrader notes on a cell, {} for none."""
    return cell["metadata"].get("nbgrader", {})
