import pytest

from infra.errors import DeploymentError, Interrupted
from infra.stacks import ChangeSet, Stack
from tests.unit.infra.fake_cloudformation import FakeCloudFormation

CHANGE_SET = ChangeSet("arn:change-set", "arn:stack", [])


def stack_of(client: FakeCloudFormation, said: list[str] | None = None) -> Stack:
    return Stack(client, "frontdesk-dev-app", (said if said is not None else []).append, lambda _: None)


@pytest.mark.parametrize(
    ("status", "exists"),
    [(None, False), ("REVIEW_IN_PROGRESS", False), ("DELETE_COMPLETE", False), ("UPDATE_ROLLBACK_COMPLETE", True)],
)
def test_a_stack_is_there_or_not(status: str | None, exists: bool) -> None:
    client = FakeCloudFormation(status)

    assert stack_of(client).make_ready() is exists
    assert client.calls == []


@pytest.mark.parametrize("status", ["UPDATE_IN_PROGRESS", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "DELETE_IN_PROGRESS"])
def test_two_deployments_at_once(status: str) -> None:
    with pytest.raises(DeploymentError, match="another deployment is at work"):
        stack_of(FakeCloudFormation(status)).make_ready()


@pytest.mark.parametrize("status", ["ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED", "UPDATE_ROLLBACK_FAILED"])
def test_what_has_to_be_mended_by_hand(status: str) -> None:
    with pytest.raises(DeploymentError, match=rf"frontdesk-dev-app is {status}\. \w+ .*\."):
        stack_of(FakeCloudFormation(status)).make_ready()


def test_a_stack_that_was_never_created_makes_room() -> None:
    client, said = FakeCloudFormation("ROLLBACK_COMPLETE"), list[str]()

    assert stack_of(client, said).make_ready() is False
    assert client.calls == ["delete"]
    assert "never completely created" in said[0]


@pytest.mark.parametrize(("status", "kind"), [(None, "CREATE"), ("REVIEW_IN_PROGRESS", "CREATE"), ("x", "UPDATE")])
def test_the_kind_of_a_plan(status: str | None, kind: str) -> None:
    client = FakeCloudFormation(status)

    planned = stack_of(client).plan("https://template", {})

    assert planned is not None
    assert [change.logical_id for change in planned.changes] == ["Q"]
    assert client.calls == [f"plan {kind}"]


@pytest.mark.parametrize(
    "reason", ["The submitted information didn't contain changes.", "No updates are to be performed."]
)
def test_nothing_to_change(reason: str) -> None:
    client = FakeCloudFormation("CREATE_COMPLETE", changes=(), failure=reason)

    assert stack_of(client).plan("https://template", {}) is None
    assert client.calls == ["plan UPDATE", "discard"]


def test_a_plan_that_cannot_be_made() -> None:
    client = FakeCloudFormation("CREATE_COMPLETE", changes=(), failure="No export named X found")

    with pytest.raises(DeploymentError, match="cannot plan the stack frontdesk-dev-app: No export named X found"):
        stack_of(client).plan("https://template", {})
    assert client.calls == ["plan UPDATE", "discard"]


def test_a_first_plan_that_is_discarded_leaves_no_stack() -> None:
    client = FakeCloudFormation("REVIEW_IN_PROGRESS")

    stack_of(client).discard(CHANGE_SET)

    assert client.calls == ["discard", "delete"]


def test_a_first_plan_that_is_replaced_leaves_the_stack_to_the_next() -> None:
    client = FakeCloudFormation("REVIEW_IN_PROGRESS")

    stack_of(client).forget(CHANGE_SET)

    assert client.calls == ["discard"]


def test_a_later_plan_that_is_discarded_leaves_the_stack() -> None:
    client = FakeCloudFormation("UPDATE_COMPLETE")

    stack_of(client).discard(CHANGE_SET)

    assert client.calls == ["discard"]


def test_a_stack_that_is_still_in_review_is_waited_for() -> None:
    """CloudFormation may need a moment to show that it has begun."""
    client = FakeCloudFormation(ends=("REVIEW_IN_PROGRESS", "CREATE_IN_PROGRESS", "CREATE_COMPLETE"))

    stack_of(client).execute(CHANGE_SET)

    assert client.status == "CREATE_COMPLETE"


def test_each_event_is_told_once_and_earlier_ones_not_at_all() -> None:
    client = FakeCloudFormation("CREATE_COMPLETE", ends=[*["UPDATE_IN_PROGRESS"] * 3, "UPDATE_COMPLETE"])
    said: list[str] = []
    client.event("Old", "CREATE_COMPLETE")
    stack = stack_of(client, said)
    coming = iter([("Q", "UPDATE_IN_PROGRESS"), ("Q", "UPDATE_COMPLETE")])

    def sleep(_: float) -> None:
        if event := next(coming, None):
            client.event(*event)

    stack.sleep = sleep

    stack.execute(CHANGE_SET)

    assert [line.split() for line in said] == [["UPDATE_COMPLETE", "Q", "Queue"]]


@pytest.mark.parametrize(
    ("end", "told"),
    [
        ("UPDATE_ROLLBACK_COMPLETE", "was rolled back: what ran before runs on"),
        ("ROLLBACK_COMPLETE", "the next deployment deletes what is left"),
        ("UPDATE_ROLLBACK_FAILED", "continue-update-rollback"),
    ],
)
def test_a_failure_is_told_with_its_reasons(end: str, told: str) -> None:
    client = FakeCloudFormation("CREATE_COMPLETE", ends=("UPDATE_IN_PROGRESS", end))
    client.event("Earlier", "UPDATE_FAILED", "of another time")
    stack = stack_of(client)
    coming = iter([("Other", "UPDATE_FAILED", "Resource update cancelled"), ("Q", "UPDATE_FAILED", "no such key")])

    def sleep(_: float) -> None:
        for event in coming:
            client.event(*event)

    stack.sleep = sleep

    with pytest.raises(DeploymentError) as failure:
        stack.execute(CHANGE_SET)

    assert told in str(failure.value)
    assert str(failure.value).splitlines()[1:] == ["  Q (Queue): no such key"]


def test_another_deployment_came_in_between() -> None:
    with pytest.raises(DeploymentError, match="Another deployment may have come in between: deploy again"):
        stack_of(FakeCloudFormation("OTHER")).execute(CHANGE_SET)


def test_ctrl_c_does_not_stop_cloudformation_and_says_so() -> None:
    client = FakeCloudFormation("CREATE_COMPLETE", interrupt=True)

    with pytest.raises(Interrupted, match="CloudFormation goes on changing the stack frontdesk-dev-app"):
        stack_of(client).execute(CHANGE_SET)


def test_a_stack_that_is_gone_is_deleted_without_a_word() -> None:
    client = FakeCloudFormation()

    stack_of(client).delete()

    assert client.calls == []


def test_a_protected_stack_is_deleted_by_whoever_means_it() -> None:
    client = FakeCloudFormation("CREATE_COMPLETE")

    stack_of(client).delete(protected=True)

    assert client.calls == ["protect False", "delete"]
