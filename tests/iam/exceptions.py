"""What the linter and the audit let pass, each with its reason: wildcards, `*`, what the local cloud cannot show."""

WILDCARDS = {
    "ReadSigningSecret": "Secrets Manager ends each ARN with six characters of its own.",
    "ReadIdentitySecret": "Secrets Manager ends each ARN with six characters of its own.",
    "ReadDatabaseSecret": "Secrets Manager ends each ARN with six characters of its own.",
    "ReadSourceSecrets": "The secrets of all sources, and of those that are added later, are read by one function.",
    "PutLargeBodies": "Objects are named after what arrives, and the bucket holds nothing else.",
    "FetchLargeBodies": "Objects are named after what arrives, and the bucket holds nothing else.",
    "WriteLogs": "The streams of one log group; Lambda names them as it starts instances.",
    "SendToSockets": "Which connections there are is known at their time alone.",
    "CloseSockets": "Which connections there are is known at their time alone.",
    "AskModelThroughProfile": "The regions are those that Bedrock routes the one profile to, which a condition names.",
    "MakeInterfaces": "Lambda makes the interfaces, and gives them their names.",
    "DeleteInterfaces": "Lambda makes the interfaces, and gives them their names.",
    "LeaveInterfacesToLambda": "It takes something away: from this stage's functions, whichever they are.",
}
"""Statements whose resources have a ``*`` or ``?`` in them."""

NO_RESOURCE_LEVEL = {
    "ListStreams": "An event source mapping must be allowed to list streams; AWS knows no resource for it.",
    "SeeInterfaces": "EC2 knows no resource for what describes.",
    "SendTraces": "X-Ray knows no resource for what it is sent.",
    "Speak": "Voices are no resources. What the action takes are lexicons, of which there are none.",
}
"""Statements for ``*`` alone."""

FAULTS = {
    ("Speak", "polly:SynthesizeSpeech takes resources: name them in place of `*`."): NO_RESOURCE_LEVEL["Speak"],
}
"""What the linter may find, by statement and fault."""

UNENFORCEABLE = {
    "WriteLogs": "The Lambda service writes a function's log; the local cloud's does so without asking.",
    "sqs:ReceiveMessage": "The Lambda service polls a queue under the function's role; the local cloud's asks nobody.",
    "sqs:DeleteMessage": "The Lambda service deletes what was processed; the local cloud's asks nobody.",
    "sqs:GetQueueAttributes": "The Lambda service looks at a queue before it polls it; the local cloud's asks nobody.",
    "ReadStream": "The Lambda service reads a stream under the function's role; the local cloud's asks nobody.",
    "ListStreams": "The Lambda service looks for the stream; the local cloud's asks nobody.",
    "ReportFailures": "The Lambda service gives up a batch under the function's role; the local cloud's asks nobody.",
    "TellMissingBodies": "S3 says 403 for what is missing to whoever may not list; the local cloud says 404 to all.",
    "AskModel": "The stand-in for Bedrock wants no credentials.",
    "AskModelThroughProfile": "The stand-in for Bedrock wants no credentials.",
    "UseGuardrail": "The stand-in for Bedrock has no guardrails.",
    "Speak": "There is no Lex on the local cloud.",
    "ConnectToDatabase": "The local cloud's PostgreSQL knows passwords alone.",
    "MakeInterfaces": "The local cloud has no networks to put a function into.",
    "SeeInterfaces": "The local cloud has no networks to put a function into.",
    "DeleteInterfaces": "The local cloud has no networks to put a function into.",
    "LeaveInterfacesToLambda": "The local cloud has no networks to put a function into.",
    "SendTraces": "The Lambda service sends the traces, and the local cloud has no X-Ray.",
}
"""What the audit cannot take out and see fail, by statement or by action; the name of a statement counts first."""


def why_unenforceable(sid: str, action: str) -> str | None:
    """Why the local cloud cannot show that an action of a statement is needed; None when it can."""
    return UNENFORCEABLE.get(sid) or UNENFORCEABLE.get(action)


OPERATORS = {
    "SeeEventSources": "AWS has no resource level for listing event source mappings.",
    "SeeMetrics": "AWS has no resource level for metrics.",
    "SeeParameters": "AWS has no resource level for listing parameters, which shows names and no values.",
    "SeeStacks": "CloudFormation ends each ARN with an id of its own.",
    "RotateSecrets": "Sources are added, and a secret that is not there yet has no ARN to be named by.",
    "LookUpModels": "Whichever model the stage is configured with, in the regions that its profile routes to.",
}
"""Statements of the operators' policy with a ``*``."""
