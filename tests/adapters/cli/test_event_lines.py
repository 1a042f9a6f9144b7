"""An event in one line names the tasks, subtasks and nodes that it is about."""

import pytest

from adapters.cli.printing.events import summary


def of(task: object, instances: str = "0", node: str = "n1", attempt: int = 1) -> dict[str, object]:
    return {"task": task, "attempt": attempt, "node": node, "instances": instances}


@pytest.mark.parametrize(
    ("data", "line"),
    [
        ({"runs": [of(1)]}, "task=1 attempt=1 node=n1"),
        ({"runs": [of(1), of(2), of(4)]}, "task=1-2,4 attempt=1 node=n1"),
        ({"runs": [of(2, "17", "n2")]}, "task=2.17 attempt=1 node=n2"),
        (
            {"runs": [of(2, "1,3,5"), of(2, "2,4,9", "n2", 2), of(3)]},
            "task=3,2.1-5,2.9 attempt=1,2 node=n1,n2",
        ),
        (
            {"runs": [of(2, "1-500")], "exit": {"code": 0}},
            "task=2.1-500 attempt=1 node=n1 exit.code=0",
        ),
        ({"node": "n1", "runs": [of(3, "1")]}, "node=n1 task=3.1 attempt=1"),
        ({"task": 2, "instance": 17, "mode": "forced"}, "task=2.17 mode=forced"),
        ({"task": 2, "instance": 0}, "task=2"),
        ({"tasks": "1-3,7", "subtasks": []}, "task=1-3,7"),
        (
            {"tasks": "2-4", "subtasks": [{"task": 3, "instances": "4-6", "cut": 0}]},
            "task=2,4,3.4-6",
        ),
        ({"tasks": [{"id": 1, "command": "x"}]}, ""),
        (
            {
                "running": {"count": 2, "runs": [of(2, "1-2")]},
                "waiting": {
                    "count": 498,
                    "tasks": "2",
                    "subtasks": [{"task": 2, "instances": "3-500"}],
                },
            },
            "running=2:2.1-2 waiting=498:2.3-500",
        ),
        (
            {"running": {"count": 1, "runs": [of(1)]}, "waiting": {"count": 0}},
            "running=1 waiting=0",
        ),
    ],
)
def test_which_tasks_and_nodes(data: dict[str, object], line: str) -> None:
    assert summary({"data": data}) == line


def test_of_very_many_ranges_the_first_are_named() -> None:
    odd = ",".join(str(n) for n in range(1, 60, 2))
    line = summary({"data": {"runs": [of(2, odd)]}})
    assert line.startswith("task=2.1,2.3,2.5,")
    assert line.endswith(",2.23,...+18 attempt=1 node=n1")


@pytest.mark.parametrize(
    ("data", "line"),
    [
        ({"runs": "x"}, "task="),
        (
            {"runs": [of("1 state=Canceled", "1,x")]},
            'task="1 state=Canceled"."1,x" attempt=1 node=n1',
        ),
        ({"runs": [of("a,b", node="n,1")]}, 'task="a,b" attempt=1 node="n,1"'),
        ({"tasks": "1-\n"}, 'task="1-\\n"'),
        ({"tasks": "9" * 5000}, f"task={'9' * 5000}"),
        (
            {"tasks": "1-999999999", "subtasks": [{"task": "5", "instances": "1-"}]},
            "task=1-4,6-999999999,5.1-",
        ),
    ],
)
def test_what_is_no_number_is_only_text(data: dict[str, object], line: str) -> None:
    assert summary({"data": data}) == line
