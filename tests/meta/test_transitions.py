"""A run's status is written by ``Run.transition`` and by nothing else."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("embedded", "portal", "monitoring", "deployments", "catalog", "accounts")
THE_WRITER = ROOT / "deployments" / "runs" / "models.py"
WRITING = {"update", "bulk_update", "create", "bulk_create", "get_or_create", "update_or_create", "aupdate", "acreate"}


def writes_of_status(source):
    """Line numbers of what writes, or may write, the status of a run."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found += [node.lineno for target in targets if _is_status_of_another(target)]
        elif isinstance(node, ast.Call) and (_writes_rows_of_run(node) or _sets_by_name(node)):
            found.append(node.lineno)
    return found


def _is_status_of_another(target):
    """``run.status``, but not ``self.status`` of an exception or a record of our own."""
    if not isinstance(target, ast.Attribute) or target.attr != "status":
        return False
    return not (isinstance(target.value, ast.Name) and target.value.id == "self")


def _writes_rows_of_run(call):
    """``Run.objects...update(status=...)``, ``deployment.runs.update(**values)`` and ``Run(status=...)``."""
    names = {keyword.arg for keyword in call.keywords}
    if isinstance(call.func, ast.Name):
        return call.func.id == "Run" and "status" in names
    if not isinstance(call.func, ast.Attribute) or call.func.attr not in WRITING:
        return False
    receiver = ast.unparse(call.func.value)
    return ("Run.objects" in receiver or ".runs" in receiver) and bool(names & {"status", "defaults", None})


def _sets_by_name(call):
    """``setattr(run, "status", ...)``."""
    is_setattr = isinstance(call.func, ast.Name) and call.func.id == "setattr"
    return is_setattr and any(isinstance(arg, ast.Constant) and arg.value == "status" for arg in call.args)


def modules():
    return [
        path
        for room in ROOMS
        for path in sorted((ROOT / room).rglob("*.py"))
        if "migrations" not in path.parts and path != THE_WRITER
    ]


def test_no_other_module_writes_the_status_of_a_run():
    found = {
        f"{path.relative_to(ROOT)}:{line}" for path in modules() for line in writes_of_status(path.read_text("utf-8"))
    }
    assert not found


def test_there_is_something_to_look_at():
    names = {str(path.relative_to(ROOT)) for path in modules()}
    assert {
        "deployments/policies/approvals.py",
        "deployments/stages/runner.py",
        "deployments/stages/apply/stage.py",
    } <= names


@pytest.mark.parametrize(
    "source",
    [
        "run.status = 'failed'",
        "context.run.status = RunStatus.FAILED",
        "Run.objects.filter(pk=1).update(status='failed')",
        "Run.objects.filter(pk=1).update(**values)",
        "deployment.runs.filter(pk=1).update(status='failed')",
        "Run(status='queued', deployment=1)",
        "Run.objects.create(status='plan')",
        "setattr(run, 'status', 'failed')",
    ],
)
def test_every_way_to_write_it_is_noticed(source):
    assert writes_of_status(source) == [1]


@pytest.mark.parametrize(
    "source",
    [
        "self.status = 400",
        "Run.objects.filter(status='failed').update(wake_at=None)",
        "TestRequest.objects.filter(pk=1).update(status='failed')",
        "Run.objects.create(deployment=1, spec={})",
        "status = run.status",
    ],
)
def test_what_reads_it_or_writes_something_else_is_no_offence(source):
    assert writes_of_status(source) == []


def test_the_writer_itself_writes_it_in_one_place():
    tree = ast.parse(THE_WRITER.read_text("utf-8"))
    writers = [
        function.name
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.Dict)
        and any(isinstance(key, ast.Constant) and key.value == "status" for key in node.keys)
    ]
    assert writers == ["transition"]
