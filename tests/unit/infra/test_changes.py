import click

from infra.changes import Change, read_change, show_changes


def test_a_change_is_read() -> None:
    details = [
        {"Target": {"Attribute": "Properties", "Name": "Code"}},
        {"Target": {"Attribute": "Properties", "Name": "Code"}},
        {"Target": {"Attribute": "Metadata"}},
    ]

    change = read_change(
        {
            "Action": "Modify",
            "LogicalResourceId": "Handler",
            "ResourceType": "AWS::Lambda::Function",
            "Replacement": "Conditional",
            "PolicyAction": "ReplaceAndRetain",
            "Details": details,
        }
    )

    assert change == Change(
        "Modify", "Handler", "AWS::Lambda::Function", "Conditional", ("Code", "Metadata"), "ReplaceAndRetain"
    )
    assert (change.what, change.destroys) == ("may replace", True)


def test_what_destroys_is_loud_and_stands_last() -> None:
    changes = [
        Change("Modify", "Table", "AWS::DynamoDB::Table", "True", ("TableName",)),
        Change("Remove", "Queue", "AWS::SQS::Queue", policy="Retain"),
        Change("Add", "Bucket", "AWS::S3::Bucket"),
        Change("Modify", "Handler", "AWS::Lambda::Function", "False", ("Code",)),
    ]

    lines = [" ".join(click.unstyle(line).split()) for line in show_changes("frontdesk-prod-data", changes)]

    assert lines == [
        "frontdesk-prod-data: 4 changes",
        "add Bucket AWS::S3::Bucket",
        "modify Handler AWS::Lambda::Function Code",
        "REPLACE Table AWS::DynamoDB::Table TableName",
        "REMOVE Queue AWS::SQS::Queue policy: Retain",
        "Look twice: 2 of them remove or replace a resource.",
    ]
