"""The import rule: imports only go down, from the command line to the words, and never round."""

import ast
from graphlib import TopologicalSorter

from program import ROOT

FLOORS = """harness text | files | states prompts tools | models | defects parser | talk | screen
            | attractor | judge | sweep report completion | cli | __main__"""
FLOOR = {room: i for i, floor in enumerate(FLOORS.split("|")) for room in floor.split()}
FILES = [ROOT / "attractor.py", ROOT / "tools.py", *sorted((ROOT / "harness").rglob("*.py"))]
PARTS = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in FILES]
NAMES = {part.removesuffix(".__init__"): path for part, path in zip(PARTS, FILES, strict=True)}


def room(name: str) -> str:
    """The room of a module: its group in harness/, or the module itself."""
    return name.removeprefix("harness.").split(".")[0]


def imports(name: str) -> set[str]:
    """The modules of ours that a module imports, wherever it does; attractor.py's guard aside."""
    tree = ast.parse(NAMES[name].read_text(encoding="utf-8"))
    guard = [n for n in tree.body if isinstance(n, ast.If) and "__main__" in ast.unparse(n.test)]
    skipped = {id(node) for part in guard for node in ast.walk(part)}
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom) and id(node) not in skipped:
            assert not getattr(node, "level", 0), f"{name} line {node.lineno}: write it in full"
            base = f"{node.module}." if isinstance(node, ast.ImportFrom) else ""
            words = [base + alias.name for alias in node.names] + [base.rstrip(".")]
            found |= {word for word in words if word in NAMES}
    return found - {name}


def test_imports_only_go_down():
    up = [
        f"{name} imports {other}"
        for name in NAMES
        for other in imports(name)
        if room(other) != room(name) and FLOOR[room(other)] >= FLOOR[room(name)]
    ]
    assert not up


def test_no_imports_go_round():
    graph = {name: {other for other in imports(name) if other != "harness"} for name in NAMES}
    assert set(TopologicalSorter(graph).static_order()) >= set(NAMES)  # or it raises CycleError


def test_no_module_of_ours_is_found_by_its_name_or_its_file():
    """Only a package of others' may be loaded so, by a name that stands there."""
    for name, path in NAMES.items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
            assert not called.endswith("getfile"), f"{name} line {node.lineno}"
            if called.endswith(("import_module", "__import__")):
                (what,) = node.args
                assert isinstance(what, ast.Constant), f"{name} line {node.lineno}"
                assert room(what.value) not in FLOOR, f"{name} line {node.lineno}"


def test_tests_have_their_helpers_from_modules():
    """Not from conftest.py, nor from one another."""
    for path in sorted(ROOT.glob("tests/*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                assert not (node.module or "").startswith(("conftest", "test_")), path.name
